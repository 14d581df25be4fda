"""Finer anatomy in words: parts of organs, bones, vessels, nerves, tissues; the format is `vocabulary_anatomy`'s."""

from __future__ import annotations

PARTS = """
# brain and skull
lentiform nucleus < basal ganglia : lentiform nucleus, lenticular nucleus ; nucleo lenticular, linsenkern
frontal lobe < brain : frontal lobe, frontal lobes ; lobulo frontal, frontallappen, lobe frontal, 额叶, 前頭葉
temporal lobe < brain : temporal lobe, temporal lobes ; lobulo temporal, temporallappen, lobe temporal, 颞叶, 側頭葉
parietal lobe < brain : parietal lobe, parietal lobes ; lobulo parietal, parietallappen, 顶叶
occipital lobe < brain : occipital lobe, occipital lobes ; lobulo occipital, okzipitallappen, 枕叶
insula < brain : insula, insular cortex
substantia nigra < brainstem : substantia nigra | red nucleus | subthalamic nucleus
choroid plexus < brain : choroid plexus ; plexo coroideo, 脉络丛
cerebrospinal fluid < brain : cerebrospinal fluid, CSF, subarachnoid space ; liquor@de, 脑脊液
falx < brain : falx, falx cerebri, tentorium
cranial nerve < brain : cranial nerve, cranial nerves | trigeminal nerve | vestibulocochlear nerve
cerebral artery < brain : cerebral artery, cerebral arteries | circle of willis | middle cerebral artery, MCA |
    basilar artery | vertebral artery ; arteria cerebral, hirnarterie, 脑动脉
venous sinus < brain : venous sinus, dural sinus | sagittal sinus | transverse sinus | cavernous sinus
orbit < head : orbit, orbits, eye socket ; orbita, augenhohle, 眼眶, 眼窩
lacrimal gland < head : lacrimal gland, tear gland | tear duct
eyelid < eye : eyelid, eyelids, eye lid | meibomian gland, meibomian glands ; parpado, augenlid, paupiere, 眼睑
temporal bone < head : temporal bone | mastoid, mastoid air cells | ossicles
eardrum < ear : eardrum, ear drum, tympanic membrane ; timpano, trommelfell, tympan, 鼓膜
cochlea < ear : cochlea | semicircular canals ; 耳蜗
nose < head : nose, nasal cavity | nasal septum | turbinate ; nariz, nase, nez, 鼻
temporomandibular joint < head : temporomandibular joint, tmj | mandibular condyle, condyle
submandibular gland < head : submandibular gland, submandibular glands | sublingual gland
tonsil < neck : tonsil, tonsils | adenoid, adenoids ; amigdalas, mandeln, amygdales, 扁桃腺
# teeth
mandibular canal < mandible : mandibular canal, inferior alveolar canal, inferior alveolar nerve canal, mandibular
    nerve canal, alveolar nerve canal, inferior alveolar nerve, alveolar nerve, IAN, jaw nerve canal, nerve canal of
    the jaw, nerve canal in the jaw, nerve canal of the lower jaw ; conducto mandibular, canal mandibular, conducto
    dentario inferior, mandibularkanal, canal mandibulaire, canal dentaire inferieur, canal mandibular, 下颌神经管,
    下颌管, 下顎管
tooth root < tooth : tooth root, tooth roots, dental root | root canal, root canals | dental pulp, pulp chamber ; raiz
    dental, zahnwurzel, racine dentaire, 牙根 | wurzelkanal, 根管
enamel < tooth : enamel | dentin, dentine | tooth crown ; esmalte, zahnschmelz, email@fr
alveolar bone < mandible : alveolar bone, alveolar ridge, jaw ridge ; hueso alveolar, alveolarknochen
gum < head : gum tissue, gingiva, gingival, gums ; encia, encias, zahnfleisch, gencive, gencives, gengiva, 牙龈, 歯肉
wisdom tooth < tooth : wisdom tooth, wisdom teeth, third molar, third molars ; muela del juicio, weisheitszahn, dent
    de sagesse, 智齿, 親知らず
palate < head : palate | hard palate | soft palate ; paladar, gaumen
# eye
anterior chamber < eye : anterior chamber, anterior chamber angle, iridocorneal angle ; camara anterior, vorderkammer,
    前房
retinal layer < retina : retinal layer, retinal layers | retinal nerve fibre layer, retinal nerve fiber layer, RNFL,
    nerve fibre layer, nerve fiber layer | ganglion cell layer | photoreceptor layer, ellipsoid zone | bruch membrane
    ; capas de la retina, netzhautschichten, couches retiniennes, 视网膜层, 網膜層
retinal artery < retina : retinal artery, retinal arteries, retinal arterioles, arterioles ; 视网膜动脉
retinal vein < retina : retinal vein, retinal veins, venules ; 视网膜静脉
vitreous < eye : vitreous, vitreous body ; vitreo, glaskorper, vitre, 玻璃体, 硝子体
sclera < eye : sclera, white of the eye | conjunctiva ; esclera, lederhaut, sclere, 巩膜 | bindehaut, 結膜
corneal endothelium < cornea : corneal endothelium, endothelial cells, corneal endothelial cells, corneal cells ;
    endotelio corneal, hornhautendothel, 角膜内皮, 角膜内皮細胞
corneal nerve < cornea : corneal nerve, corneal nerves, corneal nerve fibres, corneal nerve fibers
extraocular muscle < eye : extraocular muscle, extraocular muscles, eye muscles
# neck and chest
vocal cord < larynx : vocal cord, vocal cords, vocal fold, vocal folds, glottis ; cuerdas vocales, stimmlippen,
    stimmbander, cordes vocales, 声带, 声帯
epiglottis < larynx : epiglottis ; epiglotis, kehldeckel
nuchal translucency < fetus : nuchal translucency, NT, nuchal fold, nuchal fluid, nuchal thickness, fluid behind the
    neck of the baby, fluid at the back of the neck of the baby, neck fold of the baby ; translucencia nucal,
    nackentransparenz, nackenfalte, clarte nucale, translucencia nucal, 颈项透明层, 颈后透明层
lung fissure < lung : lung fissure, lung fissures, pulmonary fissure, interlobar fissure ; 肺裂
lung segment < lung : lung segment, lung segments, bronchopulmonary segments
hilum < lung : hilum, hila, hilar, pulmonary hilum
alveoli < lung : alveoli, alveolar sacs ; alveolos, lungenblaschen
costophrenic angle < chest : costophrenic angle, costophrenic angles
mitral valve < heart valve : mitral valve, bicuspid valve, mitral leaflet ; valvula mitral, mitralklappe, valve
    mitrale, 二尖瓣, 僧帽弁
aortic valve < heart valve : aortic valve | aortic root ; valvula aortica, aortenklappe, valve aortique, 主动脉瓣,
    大動脈弁
tricuspid valve < heart valve : tricuspid valve ; valvula tricuspide, trikuspidalklappe, 三尖瓣
papillary muscle < heart : papillary muscle, papillary muscles, trabeculae
septum < heart : interventricular septum, ventricular septum | interatrial septum, atrial septum
atrial appendage < heart : left atrial appendage, atrial appendage, LAA
coronary sinus < heart : coronary sinus
epicardial fat < heart : epicardial fat, pericardial fat, epicardial adipose tissue
descending aorta < aorta : descending aorta, thoracic aorta ; aorta descendente, 降主动脉
ascending aorta < aorta : ascending aorta ; aorta ascendente, 升主动脉
abdominal aorta < aorta : abdominal aorta ; aorta abdominal, bauchaorta, 腹主动脉
subclavian artery < chest : subclavian artery | brachiocephalic artery | subclavian vein
nipple < breast : nipple, nipples, areola ; pezon, brustwarze, mamelon, 乳头
breast gland < breast : fibroglandular tissue, glandular tissue, dense breast tissue | breast density | pectoral
    muscle
# abdomen and pelvis
liver segment < liver : liver segment, liver segments, couinaud segments | caudate lobe | liver lobe
common bile duct < bile duct : common bile duct | pancreatic duct
celiac artery < abdomen : celiac trunk, celiac artery | superior mesenteric artery, SMA, mesenteric artery
splenic vein < abdomen : splenic vein | splenic artery | superior mesenteric vein
iliac artery < pelvis : iliac artery, iliac arteries | iliac vein ; arteria iliaca, 髂动脉
renal cortex < kidney : renal cortex, kidney cortex, cortex of the kidney ; corteza renal, nierenrinde, 肾皮质
renal medulla < kidney : renal medulla, kidney medulla, renal pyramids
renal pelvis < kidney : renal pelvis, pelvicalyceal system, collecting system, calyces ; nierenbecken, pelvis renal
glomerulus < kidney : glomerulus, glomeruli ; glomerulo, glomerulos, glomerule, 肾小球, 糸球体
renal tubule < kidney : renal tubule, renal tubules, tubules
sigmoid < colon : sigmoid, sigmoid colon | cecum, caecum | transverse colon | descending colon | ascending colon
esophageal sphincter < esophagus : esophageal sphincter, gastroesophageal junction
anus < pelvis : anus, anal canal | anal sphincter ; ano, after@de
urethra < pelvis : urethra, urethral ; uretra, harnrohre, uretre, 尿道
penis < pelvis : penis | scrotum | epididymis ; pene, 阴茎
vagina < pelvis : vagina | vulva
endometrium < uterus : endometrium, endometrial, uterine lining, lining of the womb ; endometrio,
    gebarmutterschleimhaut, endometre, 子宫内膜, 子宮内膜
myometrium < uterus : myometrium
follicle < ovary : ovarian follicle, ovarian follicles, follicle, follicles ; foliculo, foliculos, follikel, 卵泡
fallopian tube < pelvis : fallopian tube, fallopian tubes ; trompas de falopio, eileiter, 输卵管
fetal head < fetus : fetal head, foetal head, head of the fetus, head of the baby, fetal skull, skull of the fetus,
    babys head, baby s head, head circumference ; cabeza fetal, cabeca fetal, kopf des fetus, fetaler kopf,
    fetalen kopf, tete foetale, 胎头, 児頭
fetal brain < fetus : fetal brain, foetal brain | cavum septum pellucidum
fetal abdomen < fetus : fetal abdomen, foetal abdomen, abdominal circumference
fetal femur < fetus : fetal femur, foetal femur
fetal heart < fetus : fetal heart, foetal heart ; corazon fetal, coeur foetal
fetal spine < fetus : fetal spine, foetal spine
umbilical cord < fetus : umbilical cord | umbilical artery ; cordon umbilical, nabelschnur, 脐带
amniotic fluid < fetus : amniotic fluid | amniotic sac, gestational sac | yolk sac ; liquido amniotico, fruchtwasser,
    羊水
pubic symphysis < pelvis : pubic symphysis, pubic bone
pelvic floor < pelvis : pelvic floor, levator ani
psoas < muscle : psoas, psoas muscle, iliopsoas
# skeleton, joints, nerves
acl < ligament : anterior cruciate ligament, anterior cruciate, ACL, acl@en, front cruciate ligament, cruciate
    ligament at the front ; ligamento cruzado anterior, lca@es, vorderes kreuzband, vordere kreuzband, vorderen
    kreuzbands, ligament croise anterieur, lca@fr, ligamento cruzado anterior, 前交叉韧带, 前十字靭帯
pcl < ligament : posterior cruciate ligament, posterior cruciate, PCL, pcl@en ; ligamento cruzado posterior, hinteres
    kreuzband, ligament croise posterieur, 后交叉韧带, 後十字靭帯
collateral ligament < ligament : collateral ligament | medial collateral ligament, MCL | lateral collateral ligament,
    LCL
patella < knee : patella, patellae, patellar, kneecap, knee cap, knee caps ; rotula, kniescheibe, rotule, 髌骨, 膝蓋骨
knee cartilage < knee : knee cartilage | femoral cartilage | tibial cartilage | patellar cartilage ; cartilago de la
    rodilla, kniegelenkknorpel, 膝关节软骨
patellar tendon < knee : patellar tendon, patellar ligament | quadriceps tendon ; tendon rotuliano, patellasehne
achilles tendon < foot : achilles tendon, achilles ; tendon de aquiles, achillessehne, tendon d achille, 跟腱
tendon < limb : tendon, tendons, tendinous ; tendones, sehne, sehnen, 肌腱, 腱
rotator cuff < shoulder : rotator cuff, supraspinatus, supraspinatus tendon, infraspinatus, subscapularis ; manguito
    rotador, rotatorenmanschette, coiffe des rotateurs, 肩袖, 腱板
labrum < shoulder : labrum, labral | glenoid | glenohumeral joint
median nerve < wrist : median nerve, carpal tunnel nerve, nerve in the carpal tunnel, nerve of the carpal tunnel,
    carpal tunnel ; nervio mediano, nervus medianus, medianusnerv, medianus, nerf median, nervo mediano, 正中神经,
    正中神経
ulnar nerve < elbow : ulnar nerve ; nervio cubital, nervus ulnaris, nerf ulnaire, 尺神经
radial nerve < limb : radial nerve ; nervio radial, nervus radialis
sciatic nerve < limb : sciatic nerve ; nervio ciatico, ischiasnerv, nerf sciatique, 坐骨神经
brachial plexus < neck : brachial plexus ; plexo braquial, 臂丛
scaphoid < wrist : scaphoid, scaphoid bone | lunate | carpal bones, carpals ; escafoides, kahnbein, scaphoide, 舟状骨
radius < limb : radius bone, distal radius | ulna | forearm ; radio distal, speiche, 桡骨, 橈骨 | elle@de
metacarpal < hand : metacarpal, metacarpals | phalanx, phalanges, finger bone, finger bones | thumb ; metacarpo,
    mittelhand
ankle < foot : ankle, ankles | talus | malleolus ; tobillo, sprunggelenk, knochel, cheville, tornozelo, 脚踝, 足首
calcaneus < foot : calcaneus, heel bone ; calcaneo, fersenbein
metatarsal < foot : metatarsal, metatarsals | toe, toes
fibula < limb : fibula, calf bone ; perone, wadenbein
femoral head < hip : femoral head, head of the femur | acetabulum, hip socket ; cabeza femoral, huftkopf, 股骨头
femoral neck < hip : femoral neck, neck of femur, neck of the femur, proximal femur, upper femur, upper thigh bone,
    femur neck, trochanter ; cuello femoral, cuello del femur, schenkelhals, col du femur, col femoral, colo do femur,
    股骨颈, 大腿骨頸部
thigh muscle < limb : thigh muscle, thigh muscles, quadriceps | hamstring, hamstrings | calf muscle, gastrocnemius |
    biceps
joint space < limb : joint space, joint, joints | synovium ; articulacion, gelenk, 关节, 関節
cervical vertebra < spine : cervical vertebra, cervical vertebrae, atlas vertebra ; halswirbel
lumbar vertebra < spine : lumbar vertebra, lumbar vertebrae ; lendenwirbel, 腰椎
spinal canal < spine : spinal canal, thecal sac | neural foramen, neural foramina ; canal espinal, spinalkanal, 椎管
iliac bone < pelvis : ilium, iliac bone, iliac crest | ischium
growth plate < limb : growth plate, growth plates, epiphysis, physis
bone marrow < bone : bone marrow, marrow ; medula osea, knochenmark, moelle osseuse, 骨髓, 骨髄
# skin, cells
nail < skin : nail, nails, fingernail, toenail ; una@es, nagel, ongle, 指甲, 爪
scalp < skin : scalp ; cuero cabelludo, kopfhaut
hair follicle < skin : hair follicle, hair follicles | sweat gland, sweat glands
cell nucleus < cell : cell nucleus, cell nuclei, nuclei, nucleus ; nucleos celulares, zellkern, zellkerne, noyaux,
    细胞核, 細胞核
white blood cell < cell : white blood cell, white blood cells, leukocyte, leukocytes | lymphocyte, lymphocytes |
    neutrophil, neutrophils ; leucocitos, leukozyten, 白细胞, 白血球
red blood cell < cell : red blood cell, red blood cells, erythrocyte, erythrocytes ; eritrocitos, erythrozyten,
    红细胞, 赤血球
platelet < cell : platelet, platelets ; plaquetas, thrombozyten, 血小板
mitosis < cell : mitosis, mitoses, mitotic figure, mitotic figures ; mitosis, mitosen, 有丝分裂
gland < cell : gland structures, glandular structures, colon glands | crypt, crypts
stroma < cell : stroma, tumour stroma, tumor stroma | epithelium, epithelial tissue
"""
