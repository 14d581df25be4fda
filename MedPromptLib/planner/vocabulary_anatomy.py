"""Anatomy in words: one concept a line, `id < parent : English forms ; forms in other languages`.

A form in capitals of at most four letters is case-sensitive (LA is the left atrium, "la" is not). `~form` counts only
where something else in the prompt lies in the same body region. `form@fr` counts only in a prompt in that language.
`|` divides a line into concepts of their own with the same place. `base@left` is the left one of a pair; "left …" and
"right …" are understood for every concept without being listed.
"""

from __future__ import annotations

ANATOMY = """
# body regions
head : head, cranial, cranium ; cabeza, kopf, schadel, tete, cabeca, 头部, 头颅, 頭部
neck : neck, cervical region ; cuello, hals, cou, pescoco, 颈部, 頸部
chest : chest, thorax, thoracic ; torax, toracico, toracica, brustkorb, thorakal, poitrine, thoracique, peito, 胸部,
    胸腔, 胸
abdomen : abdomen, abdominal, belly, tummy ; abdominale, bauch, abdome, ventre, 腹部, 腹
pelvis : pelvis, pelvic ; becken, bassin, pelve, pelvico, 骨盆, 盆腔, 骨盤
limb : limb, extremity, extremities, arm, leg ; brazo, pierna, bein, jambe, perna, 四肢
body : whole body ; cuerpo entero, ganzkorper, corps entier, 全身
# head
brain < head : brain, cerebral, cerebrum, intracranial, encephalon, encephalic ; cerebro, cerebral, encefalo, gehirn,
    hirn, cerveau, cerebrale, cerebral, cerebrais, 脑部, 大脑, 脑, 脳
white matter < brain : white matter ; sustancia blanca, weisse substanz, substance blanche, 白质, 白質
grey matter < brain : grey matter, gray matter ; sustancia gris, graue substanz, substance grise, 灰质, 灰質
cerebellum < brain : cerebellum, cerebellar ; cerebelo, kleinhirn, cervelet, 小脑, 小脳
brainstem < brain : brainstem, brain stem, pons, medulla oblongata, midbrain ; tronco encefalico, hirnstamm, tronc
    cerebral, 脑干, 脳幹
hippocampus < brain : hippocampus, hippocampi, hippocampal, hippocampal formation, seahorse shaped memory structure,
    seahorse, cornu ammonis ; hipocampo, hippocampe, 海马体, 海马, 海馬
hippocampus@anterior < brain : hippocampal head, head of the hippocampus, hippocampus head
hippocampus@posterior < brain : hippocampal body and tail, body and tail of the hippocampus, hippocampal tail, tail of
    the hippocampus, hippocampal body
amygdala < brain : amygdala, amygdalae, amygdaloid ; amigdala, mandelkern, amygdale, 杏仁核
thalamus < brain : thalamus, thalami, thalamic ; talamo, 丘脑, 視床
hypothalamus < brain : hypothalamus ; hipotalamo, 下丘脑, 視床下部
caudate < brain : caudate, caudate nucleus ; nucleo caudado, noyau caude, 尾状核
putamen < lentiform nucleus : putamen ; 壳核, 被殻
pallidum < lentiform nucleus : pallidum, globus pallidus ; 苍白球, 淡蒼球
basal ganglia < brain : basal ganglia, basal nuclei ; ganglios basales, basalganglien, 基底节, 基底核
corpus callosum < brain : corpus callosum ; cuerpo calloso, balken, corps calleux, 胼胝体, 脳梁
brain ventricle < brain : brain ventricles, brain ventricle, cerebral ventricles, cerebral ventricle, lateral
    ventricles, lateral ventricle, third ventricle, fourth ventricle, ventricular system ; ventriculos cerebrales,
    hirnventrikel, ventricules cerebraux, 脑室, 脳室
pituitary < brain : pituitary, pituitary gland, hypophysis ; hipofisis, hypophyse, hipofise, 垂体, 下垂体
optic chiasm < brain : optic chiasm, chiasm ; quiasma optico, sehnervenkreuzung, chiasma optique, 视交叉, 視交叉
optic nerve < eye : optic nerve, optic nerves ; nervio optico, sehnerv, nerf optique, nervo optico, 视神经, 視神経
meninges < brain : meninges, dura mater ; meninges, hirnhaut, 脑膜, 髄膜
cortex < brain : cerebral cortex, cortex ; corteza cerebral, hirnrinde, 皮层, 皮質
skull < head : skull, calvarium ; craneo, schadelknochen, crane, cranio, 颅骨, 頭蓋骨
mandible < head : mandible, jaw, jawbone, lower jaw ; mandibula, unterkiefer, mandibule, 下颌骨, 下顎骨
maxilla < head : maxilla, upper jaw ; oberkiefer, 上颌骨, 上顎骨
tooth < head : tooth, teeth, dental, molar, molars, incisor, dentition, set of teeth ; diente, dientes, zahn, zahne,
    dent, dents, dente, dentes, 牙齿, 牙, 歯
sinus < head : paranasal sinus, sinuses, maxillary sinus, sinus ; senos paranasales, nasennebenhohle, 鼻窦, 副鼻腔
ear < head : ear, inner ear, middle ear ; oido, ohr, oreille, ouvido, 耳朵, 耳
tongue < head : tongue ; lengua, zunge, langue, lingua, 舌
parotid < head : parotid, parotid gland, salivary gland ; parotida, ohrspeicheldruse, 腮腺, 耳下腺
# eye
eye < head : eye, ocular, eyeball, eyeground, back of the eye, ophthalmic ; ojo, auge, oeil, yeux, olho, 眼底, 眼睛,
    眼球, 眼部, 眼
retina < eye : retina, retinal ; retiniano, netzhaut, retine, retinien, 视网膜, 網膜
optic disc < eye : optic disc, optic disk, optic nerve head, optic papilla, optic nerve disc, where the optic nerve
    enters the eye, where the optic nerve leaves the eye, where the optic nerve exits the eye, blind spot of the
    retina, ~disc, ~disk ; disco optico, papila optica, papila, sehnervenpapille, sehnervenkopf, papille, papille
    optique, disque optique, 视神经乳头, 视盘, 視神経乳頭, 視神経円板
optic cup < eye : optic cup, optic disc cup, optic nerve cup, cup of the optic disc, physiological cup, excavation of
    the optic disc, ~cup ; copa optica, excavacion optica, excavation papillaire, escavacao optica,
    papillenexkavation, 视杯, 視神経乳頭陥凹, 視杯
retina:vessel < eye : retinal vessel, retinal vessels, retinal vasculature, retinal blood vessels, vascular tree of
    the retina, vessels of the retina, blood vessels of the retina, blood vessels at the back of the eye, vessels in
    the eye, retinal vascular tree, retinal arteries and veins ; vasos retinianos, vasos de la retina, vasos
    sanguineos de la retina, netzhautgefasse, retinale gefasse, gefasse der netzhaut, vaisseaux retiniens, vaisseaux
    de la retine, vasos da retina, 视网膜血管, 网膜血管, 網膜血管
macula < eye : macula, macular, macula lutea ; 黄斑
fovea < eye : fovea, foveal avascular zone ; 中央凹, 中心窩
lens < eye : ~lens, crystalline lens, lens of the eye ; cristalino, augenlinse, cristallin, 晶状体, 水晶体
cornea < eye : cornea, corneal ; hornhaut, cornee, 角膜
iris < eye : iris, pupil ; pupila, pupille, 虹膜, 瞳孔
choroid < eye : choroid ; coroides, aderhaut, 脉络膜, 脈絡膜
# neck
thyroid < neck : thyroid, thyroid gland ; tiroides, schilddruse, thyroide, tireoide, 甲状腺
parathyroid < neck : parathyroid, parathyroid gland ; paratiroides, nebenschilddruse, 甲状旁腺, 副甲状腺
larynx < neck : larynx, laryngeal, voice box ; laringe, kehlkopf, 喉, 喉頭
pharynx < neck : pharynx, nasopharynx, throat ; faringe, rachen, 咽, 咽頭
carotid < neck : carotid, carotid artery, carotid arteries ; carotida, halsschlagader, carotide, 颈动脉, 頸動脈
jugular vein < neck : jugular vein, jugular ; yugular, 颈静脉
lymph node < body : lymph node, lymph nodes, lymphatic node, nodal ; ganglio linfatico, ganglios linfaticos,
    lymphknoten, ganglion lymphatique, ganglions, linfonodo, 淋巴结, リンパ節
# chest
lung < chest : lung, lungs, pulmonary, lung field, lung fields, pulmonary field, pulmonary fields, lung parenchyma,
    pulmonary parenchyma, lung tissue, air filled parts, aerated lung, respiratory organs, pulmonary structures, lung
    regions, lung area, lung areas ; pulmon, pulmones, pulmonar, campos pulmonares, lunge, lungen, lungenflugel,
    lungenfeld, lungenfelder, poumon, poumons, pulmonaire, champs pulmonaires, pulmao, pulmoes, 肺部, 肺野, 肺脏,
    双肺, 两肺, 両肺, 肺
lung lobe < lung : lung lobe, lung lobes, pulmonary lobe, lobes, upper lobe, lower lobe, middle lobe, lobe ; lobulo
    pulmonar, lungenlappen, lobe pulmonaire, lobo pulmonar, 肺叶, 肺葉
trachea < chest : trachea, windpipe, airway, airways, tracheal ; traquea, luftrohre, trachee, traqueia, 气管, 気管
bronchus < lung : bronchus, bronchi, bronchial tree, bronchial ; bronquio, bronquios, bronchien, bronche, bronches,
    bronquios, 支气管, 気管支
pleura < chest : pleura, pleural ; pleural, brustfell, plevre, 胸膜
diaphragm < chest : diaphragm, hemidiaphragm ; diafragma, zwerchfell, diaphragme, 横膈膜, 横隔膜, 膈
mediastinum < chest : mediastinum, mediastinal ; mediastino, mediastin, 纵隔, 縦隔
rib < chest : rib, ribs, ribcage, rib cage ; costilla, costillas, rippe, rippen, cote@fr, cotes@fr, costela, costelas,
    肋骨
clavicle < chest : clavicle, clavicles, collarbone, collar bone ; clavicula, claviculas, schlusselbein, clavicule,
    锁骨, 鎖骨
sternum < chest : sternum, breastbone ; esternon, brustbein, esterno, 胸骨
scapula < chest : scapula, shoulder blade ; escapula, schulterblatt, omoplate, 肩胛骨, 肩甲骨
heart < chest : heart, cardiac, cardiac silhouette, heart shadow, whole heart ; corazon, cardiaco, cardiaca, herz,
    coeur, cardiaque, coracao, 心脏, 心臓, 心影, 心
atrium < heart : atrium, atria, atrial ; auricula, auriculas, vorhof, oreillette, oreillettes, atrio, atrios, 心房
atrium@left < heart : LA, left atrial cavity, left atrial, left upper heart chamber, upper left chamber of the heart,
    upper left heart chamber, left auricle, left atrial cavity ; auricula izquierda, linker vorhof, linken vorhof,
    linke vorhof, oreillette gauche, atrio esquerdo, atrio izquierdo, 左心房
atrium@right < heart : right atrial cavity, right atrial, upper right chamber of the heart, right auricle ; auricula
    derecha, rechter vorhof, rechten vorhof, oreillette droite, atrio direito, 右心房
ventricle < heart : heart ventricle, heart ventricles, cardiac ventricle, ventricle, ventricles, ventricular ;
    ventriculo, ventriculos, herzkammer, ventricule, ventricules, 心室
ventricle@left < heart : LV, left ventricular cavity, left ventricular, lower left chamber of the heart, lower left
    heart chamber, left ventricular blood pool, LV cavity ; ventriculo izquierdo, linker ventrikel, linken ventrikel,
    linke herzkammer, ventricule gauche, ventriculo esquerdo, 左心室
ventricle@right < heart : RV, right ventricular cavity, right ventricular, lower right chamber of the heart, lower
    right heart chamber, right ventricular blood pool, RV cavity ; ventriculo derecho, rechter ventrikel, rechten
    ventrikel, rechte herzkammer, ventricule droit, ventriculo direito, 右心室
myocardium < heart : myocardium, myocardial, heart muscle, cardiac muscle, left ventricular myocardium, left
    ventricular wall ; miocardio, herzmuskel, myokard, myocarde, muscle cardiaque, miocardio, 心肌, 心筋
pericardium < heart : pericardium, pericardial ; pericardio, herzbeutel, pericarde, 心包, 心膜
heart valve < heart : heart valve, valve, valves ; valvula, herzklappe, 瓣膜, 心脏瓣膜, 弁膜
heart chambers < heart : heart chambers, cardiac chambers, chambers of the heart ; camaras cardiacas, herzhohlen,
    herzkammern, cavites cardiaques, camaras cardiacas, 心腔
coronary artery < heart : coronary, coronary artery, coronary arteries, coronaries ; arteria coronaria, coronarias,
    koronararterie, koronararterien, herzkranzgefasse, artere coronaire, coronaires, 冠状动脉, 冠动脉, 冠動脈
aorta < chest : aorta, aortic, aortic arch ; aortico, aorte, aortique, hauptschlagader, 主动脉, 大動脈
pulmonary artery < chest : pulmonary artery, pulmonary arteries, pulmonary trunk ; arteria pulmonar, lungenarterie,
    artere pulmonaire, 肺动脉, 肺動脈
pulmonary vein < chest : pulmonary vein, pulmonary veins ; vena pulmonar, lungenvene, veine pulmonaire, 肺静脉, 肺静脈
lung:vessel < chest : pulmonary vessels, lung vessels, pulmonary vasculature ; vasos pulmonares, lungengefasse, 肺血管
vena cava < abdomen : vena cava, inferior vena cava, superior vena cava, IVC, SVC ; vena cava inferior, hohlvene,
    veine cave, veia cava, 腔静脉, 大静脈
esophagus < chest : esophagus, oesophagus, esophageal, oesophageal, gullet, food pipe ; esofago, speiserohre,
    oesophage, 食管, 食道
thymus < chest : thymus ; timo@es, thymusdruse, 胸腺
breast < chest : breast, breasts, mammary, mammary gland ; mama@es, mama@pt, mamas, mamario, mamaria, seno@es, brust,
    brustdruse, sein@fr, seins, mammaire, 乳房, 乳腺
# abdomen
liver < abdomen : liver, hepatic, hepatic parenchyma, liver parenchyma, hepatic region, hepar, liver tissue ; higado,
    hepatico, hepatica, leber, foie, hepatique, figado, 肝脏, 肝臓, 肝部, 肝
liver:vessel < liver : hepatic vessels, liver vessels, hepatic vasculature ; vasos hepaticos, lebergefasse, 肝血管
portal vein < liver : portal vein, portal venous ; vena porta, pfortader, veine porte, veia porta, 门静脉, 門脈
hepatic vein < liver : hepatic vein, hepatic veins ; vena hepatica, lebervene, 肝静脉
gallbladder < abdomen : gallbladder, gall bladder, cholecyst ; vesicula biliar, gallenblase, vesicule biliaire,
    vesicula, 胆囊, 胆のう, 胆嚢
bile duct < abdomen : bile duct, bile ducts, biliary tree, biliary ; via biliar, gallengang, gallenwege, voies
    biliaires, 胆管
spleen < abdomen : spleen, splenic, lien ; bazo, milz, rate@fr, baco, 脾脏, 脾臓, 脾
pancreas < abdomen : pancreas, pancreatic ; pancreatico, bauchspeicheldruse, pankreas, 胰腺, 胰脏, 膵臓
kidney < abdomen : kidney, kidneys, renal, nephric, renal parenchyma, organs that make urine, urine making organs,
    organs that filter the blood, blood filtering organs ; rinon, rinones, renal, renales, niere, nieren,
    rein@fr, reins@fr, renale, rim@pt, rins@pt, 肾脏, 腎臓, 肾
renal artery < kidney : renal artery, renal arteries ; arteria renal, nierenarterie, 肾动脉
ureter < abdomen : ureter, ureters, ureteral, ureteric ; harnleiter, uretere, 输尿管, 尿管
adrenal < abdomen : adrenal, adrenal gland, adrenal glands, suprarenal ; suprarrenal, nebenniere, surrenale, 肾上腺,
    副腎
stomach < abdomen : stomach, gastric ; estomago, magen, estomac, gastrique, 胃部, 胃
duodenum < abdomen : duodenum, duodenal ; duodeno, zwolffingerdarm, 十二指肠, 十二指腸
small bowel < abdomen : small bowel, small intestine, jejunum, ileum ; intestino delgado, dunndarm, intestin grele,
    小肠, 小腸
colon < abdomen : colon, colonic, large bowel, large intestine, bowel, gut, intestine, intestinal, colorectal ;
    colonico, dickdarm, darm, intestino, intestin, colique, 结肠, 结直肠, 大肠, 肠道, 肠, 大腸, 腸
appendix < abdomen : appendix ; apendice, blinddarm, 阑尾, 虫垂
rectum < pelvis : rectum, rectal ; recto, enddarm, mastdarm, reto, 直肠, 直腸
peritoneum < abdomen : peritoneum, mesentery ; peritoneo, bauchfell, 腹膜
abdominal organs < abdomen : abdominal organs, abdominal structures, organs of the abdomen, abdominal organ ; organos
    abdominales, bauchorgane, organes abdominaux, orgaos abdominais, 腹部器官, 腹部臓器
# pelvis
prostate < pelvis : prostate, prostatic, prostate gland ; prostata, prostatico, prostate, 前列腺
prostate zone < prostate : prostate zones, prostatic zones
peripheral zone < prostate : peripheral zone, PZ ; zona periferica, zone peripherique, periphere zone, 外周带, 辺縁域
transition zone < prostate : transition zone, transitional zone, TZ ; zona de transicion, zone de transition,
    transitionszone, ubergangszone, zona de transicao, 移行带, 移行域
seminal vesicle < pelvis : seminal vesicle, seminal vesicles ; vesicula seminal, samenblase, 精囊
bladder < pelvis : bladder, urinary bladder, vesical ; vejiga, vejiga urinaria, harnblase, blase, vessie, bexiga, 膀胱
uterus < pelvis : uterus, uterine, womb ; utero, gebarmutter, 子宫, 子宮
cervix < pelvis : cervix, uterine cervix ; cuello uterino, gebarmutterhals, 宫颈, 子宮頸部
ovary < pelvis : ovary, ovaries, ovarian ; ovario, ovarios, eierstock, eierstocke, ovaire, ovaires, 卵巢, 卵巣
testis < pelvis : testis, testicle, testicles, testicular ; testiculo, hoden, testicule, 睾丸, 精巣
fetus < pelvis : fetus, foetus, fetal, foetal, unborn baby, unborn child, baby ; feto, fetal, 胎儿, 胎児
placenta < pelvis : placenta, placental, afterbirth, after birth ; plazenta, mutterkuchen, 胎盘, 胎盤
# skeleton, muscle
bone < body : bone, bones, skeleton, skeletal, osseous ; hueso, huesos, knochen, os@fr, osso, ossos, 骨骼, 骨头, 骨
spine < body : spine, spinal, spinal column, vertebral column, backbone, lumbar spine, cervical spine, thoracic spine
    ; columna vertebral, columna, wirbelsaule, colonne vertebrale, rachis, coluna vertebral, coluna, 脊柱, 脊椎
vertebra < spine : vertebra, vertebrae, vertebral, vertebral body, vertebral bodies ; vertebras, wirbel, wirbelkorper,
    vertebre, vertebres, 椎骨, 椎体
intervertebral disc < spine : intervertebral disc, intervertebral disk, intervertebral discs, spinal disc, ~disc,
    ~disk ; disco intervertebral, bandscheibe, bandscheiben, disque intervertebral, 椎间盘, 椎間板
spinal cord < spine : spinal cord ; medula espinal, ruckenmark, moelle epiniere, medula espinhal, 脊髓, 脊髄
sacrum < pelvis : sacrum, coccyx ; sacro, kreuzbein, 骶骨, 仙骨
hip < pelvis : hip, hips, hip joint ; cadera, hufte, hanche, quadril, 髋关节, 髋, 股関節
femur < limb : femur, femora, femoral, thigh bone ; oberschenkelknochen, 股骨, 大腿骨
tibia < limb : tibia, tibial, shin bone, shinbone ; schienbein, 胫骨, 脛骨
knee < limb : knee, knees, knee joint ; rodilla, knie, genou, joelho, 膝关节, 膝盖, 膝
meniscus < knee : meniscus, menisci, meniscal, meniscuses, knee shock absorbers, shock absorbers of the knee, shock
    absorbers in the knee, knee cushions ; menisco, meniscos, menisque, menisques, meniskus, menisken, 半月板
cartilage < limb : cartilage, articular cartilage ; cartilago, knorpel, 软骨, 軟骨
ligament < limb : ligament, ligaments, cruciate ligament, cruciate ligaments, cruciate ; ligamento, kreuzband,
    band@de, 韧带, 靭帯
shoulder < limb : shoulder, shoulders ; hombro, schulter, epaule, ombro, 肩关节, 肩
humerus < limb : humerus ; humero, oberarmknochen, 肱骨, 上腕骨
elbow < limb : elbow ; codo, ellenbogen, coude, cotovelo, 肘
wrist < limb : wrist, wrists, carpal ; muneca, handgelenk, poignet, punho, 手腕, 腕部, 手首
hand < limb : hand, hands, finger, fingers ; mano@es, finger, main@fr, mao@pt, 手部, 手掌, 手
foot < limb : foot, feet, heel ; pie@es, fuss, pied, 足部, 足
muscle < body : muscle, muscles, skeletal muscle ; musculo, muskel, muskeln, 肌肉, 筋肉
fat < body : fat tissue, adipose tissue, visceral fat, subcutaneous fat ; grasa, fettgewebe, graisse, gordura, 脂肪
skin < body : skin, cutaneous, dermal, epidermis ; piel, cutaneo, cutanea, haut@de, peau, cutane, cutanee, pele, 皮肤,
    皮膚
*:vessel < body : vessel, vessels, blood vessel, blood vessels, vasculature, vascular tree, vascular structures,
    vascular ; vaso, vasos, vasos sanguineos, gefasse, blutgefasse, vaisseau, vaisseaux, vaisseaux sanguins, 血管
artery < body : artery, arteries, arterial ; arteria, arterias, arterie, arterien, artere, arteres, 动脉, 動脈
vein < body : vein, veins, venous ; vena, venas, vene, venen, veine, veines, veia, veias, 静脉, 静脈
nerve < body : nerve, nerves, facial nerve ; nervio, nervios, nerv, nerven, nerf, nerfs, nervo, 神经, 神経
cell < body : cells, cell, blood cells, blood cell ; celulas, zellen, cellules, 细胞, 細胞
chest structures < chest : chest structures, thoracic structures, thoracic organs, structures of the chest ;
    estructuras toracicas, thoraxorgane, structures thoraciques, estruturas toracicas
"""
