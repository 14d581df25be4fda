"""Further diseases and signs in words, one a line, in the format of `vocabulary_findings`."""

from __future__ import annotations

DISEASES = """
# brain and head
subdural hemorrhage < brain ^ brain:hemorrhage : subdural hematoma, subdural haematoma, subdural hemorrhage, subdural
    haemorrhage, subdural bleed, SDH ; hematoma subdural, subduralhamatom, hematome sous dural, 硬膜下血肿, 硬膜下血腫
epidural hemorrhage < brain ^ brain:hemorrhage : epidural hematoma, epidural haematoma, extradural hematoma,
    extradural haematoma, epidural hemorrhage, extradural haemorrhage, EDH ; hematoma epidural, epiduralhamatom,
    硬膜外血肿
subarachnoid hemorrhage < brain ^ brain:hemorrhage : subarachnoid hemorrhage, subarachnoid haemorrhage, subarachnoid
    bleed, SAH ; hemorragia subaracnoidea, subarachnoidalblutung, 蛛网膜下腔出血, くも膜下出血
intraparenchymal hemorrhage < brain ^ brain:hemorrhage : intraparenchymal hemorrhage, intraparenchymal haemorrhage,
    intracerebral hematoma, intracerebral haematoma ; hematoma intraparenquimatoso, 脑实质出血
intraventricular hemorrhage < brain ^ brain:hemorrhage : intraventricular hemorrhage, intraventricular haemorrhage,
    IVH
midline shift < brain : midline shift | brain herniation, mass effect ; desviacion de la linea media,
    mittellinienverlagerung
brain:aneurysm < brain ^ *:aneurysm : brain aneurysm, cerebral aneurysm, intracranial aneurysm
small vessel disease < brain : small vessel disease, leukoaraiosis | microbleed, microbleeds | lacune, lacunes
chiari < brain : chiari malformation | arteriovenous malformation, avm | cavernoma
traumatic brain injury < brain : traumatic brain injury, concussion | brain contusion | diffuse axonal injury
skull:fracture < skull ^ *:fracture : skull fracture, skull fractures ; fractura de craneo, schadelbruch
sinusitis < sinus : sinusitis | mucosal thickening ; rhinosinusitis, 鼻窦炎, 副鼻腔炎
otitis < ear : otitis, otitis media, ear infection, glue ear ; mittelohrentzundung, 中耳炎
mastoiditis < head : mastoiditis | cholesteatoma
tonsillitis < neck : tonsillitis | pharyngitis ; mandelentzundung, 扁桃体炎
laryngeal cancer! < larynx ^ *:lesion : laryngeal cancer, throat cancer, larynx cancer ; kehlkopfkrebs, 喉癌
# eye
retinal fluid < retina : retinal fluid, fluid in the retina, fluid under the retina, macular fluid ; liquido
    retiniano, netzhautflussigkeit, fluide retinien, 视网膜积液, 網膜液
subretinal fluid < retina ^ retinal fluid : subretinal fluid, sub retinal fluid, fluid beneath the retina, fluid below
    the retina, SRF ; liquido subretiniano, subretinale flussigkeit, fluide sous retinien, 视网膜下液, 網膜下液
intraretinal fluid < retina ^ retinal fluid : intraretinal fluid, intra retinal fluid, fluid within the retina,
    cystoid fluid, IRF ; liquido intraretiniano, intraretinale flussigkeit, fluide intraretinien, 视网膜内液, 網膜内液
pigment epithelial detachment < retina : pigment epithelial detachment, pigment epithelium detachment, PED ;
    desprendimiento del epitelio pigmentario, pigmentepithelabhebung, 色素上皮脱离, 色素上皮剥離
drusen < retina : drusen, drusenoid deposits | geographic atrophy ; drusas, 玻璃膜疣, ドルーゼン
macular hole < macula : macular hole | epiretinal membrane | vitreomacular traction ; agujero macular, makulaforamen,
    黄斑裂孔
microaneurysm < retina : microaneurysm, microaneurysms ; microaneurismas, mikroaneurysmen, 微血管瘤, 毛細血管瘤
retinal vein occlusion < retina : retinal vein occlusion, vein occlusion | retinal artery occlusion
retinopathy of prematurity < eye : retinopathy of prematurity | hypertensive retinopathy
keratitis < cornea : keratitis, corneal infection | corneal ulcer ; queratitis, hornhautentzundung, 角膜炎
fuchs dystrophy < cornea : fuchs dystrophy, fuchs endothelial dystrophy, corneal dystrophy
keratoconus < cornea : keratoconus ; queratocono, keratokonus, 圆锥角膜, 円錐角膜
corneal guttae < cornea : corneal guttae, guttae, guttata, cornea guttata, corneal guttata, endothelial guttae ;
    guttas corneales, hornhautguttata, gouttes corneennes
pterygium < eye : pterygium | conjunctivitis, pink eye, red eye ; pterigion, bindehautentzundung, 翼状胬肉, 結膜炎
dry eye < eye : dry eye, dry eye disease | meibomian gland dysfunction | tear film
uveitis < eye : uveitis, iritis | endophthalmitis ; 葡萄膜炎
# teeth and jaw
periapical lesion < tooth ^ *:lesion : periapical lesion, periapical lesions, apical periodontitis, periapical
    abscess, apical lesion, apical abscess, periapical radiolucency, periapical inflammation, abscess at the root,
    abscess at the tip of the root, infection at the tip of the root, infection at the root tip, tooth abscess, root
    infection, granuloma at the root ; lesion periapical, absceso periapical, periapikale lasion, lesion periapicale,
    abces periapical, lesao periapical, 根尖周病变, 根尖周炎, 根尖病変
periodontitis < tooth : periodontitis, periodontal disease, gum disease, periodontal bone loss, gingivitis, bone loss
    around the teeth ; parodontitis, parodontose, parodontite, 牙周炎, 歯周病
impacted tooth < tooth : impacted tooth, impacted teeth, impacted wisdom tooth, impacted molar
dental filling < tooth : dental filling, filling, fillings, dental crown, dental crowns, dental restoration,
    restorations
jaw cyst < mandible : jaw cyst, odontogenic cyst | ameloblastoma
# chest and heart
lung:abscess < lung : lung abscess ; absceso pulmonar, lungenabszess
pneumoconiosis < lung : pneumoconiosis | silicosis | asbestosis ; silikose, 尘肺
sarcoidosis < lung : sarcoidosis ; 结节病
bronchiolitis < lung : bronchiolitis | croup
mediastinal mass < chest : mediastinal mass | widened mediastinum | thymoma
hiatus hernia < chest : hiatus hernia, hiatal hernia
aspiration < lung : aspiration pneumonia ; aspirationspneumonie
rib lesion < rib : rib lesion | flail chest
heart murmur < heart : heart murmur | arrhythmia, irregular heartbeat | atrial fibrillation, afib, a fib, AF | heart
    block | tachycardia | bradycardia | atrial flutter ; | arritmia, herzrhythmusstorung, arythmie, 心律失常, 不整脈 |
    fibrilacion auricular, vorhofflimmern, fibrillation auriculaire, fibrilacao atrial, 心房颤动, 房颤, 心房細動
valve disease < heart valve : valve disease, leaky valve | mitral regurgitation | aortic stenosis | aortic
    regurgitation | mitral stenosis ; herzklappenfehler
cardiomyopathy < heart : cardiomyopathy | hypertrophic cardiomyopathy | dilated cardiomyopathy | left ventricular
    hypertrophy, LVH, hypertrophy of the left ventricle, ventricular hypertrophy, thickened heart muscle ; 心肌病
myocarditis < heart : myocarditis | pericarditis | endocarditis ; miocarditis, 心肌炎
septal defect < heart : septal defect, hole in the heart | congenital heart disease, congenital heart defect | patent
    foramen ovale
coronary calcification < heart ^ *:calcification : coronary calcification, coronary calcium, calcium score, coronary
    artery calcium
plaque < artery : plaque, plaques, carotid plaque, atherosclerosis, atherosclerotic plaque, arteriosclerosis ; placa
    aterosclerotica, aterosclerosis, 动脉粥样硬化, 斑块
deep vein thrombosis < vein ^ *:thrombosis : deep vein thrombosis, dvt, deep venous thrombosis ; trombosis venosa
    profunda, beinvenenthrombose, 深静脉血栓
varicose vein < vein : varicose vein, varicose veins, varices ; varices, krampfadern
aortic dissection < aorta : aortic dissection, dissection ; diseccion aortica, aortendissektion, 主动脉夹层
# abdomen
gastritis < stomach : gastritis, stomach inflammation | helicobacter ; magenschleimhautentzundung, 胃炎
gastric ulcer < stomach : gastric ulcer, stomach ulcer, peptic ulcer | duodenal ulcer ; ulcera gastrica,
    magengeschwur, 胃溃疡
gastric cancer! < stomach ^ *:lesion : gastric cancer, stomach cancer ; cancer gastrico, magenkrebs, cancer de l
    estomac, 胃癌
esophagitis < esophagus : esophagitis, oesophagitis | reflux ; esofagitis, 食管炎
barrett < esophagus : barrett, barretts, barrett esophagus, barrett oesophagus
esophageal cancer! < esophagus ^ *:lesion : esophageal cancer, oesophageal cancer ; speiserohrenkrebs, 食管癌
esophageal varices < esophagus : esophageal varices, oesophageal varices
celiac disease < small bowel : celiac disease, coeliac disease, villous atrophy | angiodysplasia, angioectasia
diverticulosis < colon : diverticulosis, diverticulum, diverticula, diverticulitis ; diverticulos, divertikel
hemorrhoid < rectum : hemorrhoid, hemorrhoids, haemorrhoids, piles | anal fissure | fistula ; hemorroides,
    hamorrhoiden
cholecystitis < gallbladder : cholecystitis, gallbladder inflammation | bile duct stone | cholangitis ; colecistitis,
    胆囊炎
hepatitis < liver : hepatitis | portal hypertension ; 肝炎
liver:cyst < liver : liver cyst, liver cysts, hepatic cyst | hemangioma, haemangioma ; quiste hepatico, leberzyste
splenomegaly < spleen : splenomegaly, enlarged spleen | hepatomegaly, enlarged liver ; esplenomegalia, 脾大
pancreatic cyst < pancreas : pancreatic cyst, pancreas cyst | pancreatic pseudocyst | ipmn
adrenal mass < adrenal ^ *:lesion : adrenal mass, adrenal adenoma, adrenal nodule, adrenal incidentaloma, adrenal
    tumor
kidney failure < kidney : kidney disease, renal failure, kidney failure | nephritis | pyelonephritis |
    glomerulosclerosis
ureter:stone < ureter : ureteral stone, ureter stone, ureteric stone ; harnleiterstein
bladder cancer! < bladder ^ *:lesion : bladder cancer, bladder tumor, bladder tumour ; blasenkrebs, 膀胱癌
enlarged prostate < prostate : enlarged prostate, prostatic hyperplasia, bph | prostatitis
testicular lesion < testis : testicular torsion | testicular tumor, testicular cancer | hydrocele | varicocele
peritonitis < abdomen : peritonitis | foreign body, swallowed object, ingested object
# obstetrics and gynaecology
placenta previa < placenta : placenta previa, placenta praevia, praevia, low lying placenta, placenta covering the
    cervix, placenta over the cervix ; placenta previa, plazenta praevia, 前置胎盘, 前置胎盤
placental abruption < placenta : placental abruption | placenta accreta
ectopic pregnancy < pelvis : ectopic pregnancy | miscarriage | molar pregnancy ; embarazo ectopico, 异位妊娠, 宫外孕
fetal growth < fetus : fetal growth restriction | fetal weight | gestational age | fetal presentation, fetal position,
    breech
fetal anomaly < fetus : fetal anomaly, fetal anomalies | spina bifida | cleft lip | down syndrome, trisomy | fetal
    sex, sex of the baby, gender of the baby, boy or a girl, boy or girl
ovary:cyst < ovary : ovarian cyst, ovarian cysts | polycystic ovary, polycystic ovaries, pcos ; quiste ovarico,
    eierstockzyste, 卵巢囊肿
ovarian cancer! < ovary ^ *:lesion : ovarian cancer, ovarian tumor, ovarian tumour, ovarian mass, adnexal mass ;
    cancer de ovario, eierstockkrebs, 卵巢癌
endometriosis < uterus : endometriosis | adenomyosis ; 子宫内膜异位症
endometrial cancer! < uterus ^ *:lesion : endometrial cancer, uterine cancer, womb cancer ; gebarmutterkrebs,
    子宫内膜癌
cervical cancer! < cervix ^ *:lesion : cervical cancer, cancer of the cervix ; cancer cervical, 宫颈癌, 子宮頸がん
cervical dysplasia < cervix : cervical dysplasia, cin, precancerous cervix, hsil, lsil
# bones, joints, nerves
hip:fracture < hip ^ *:fracture : hip fracture, hip fractures, femoral neck fracture, neck of femur fracture, proximal
    femur fracture, proximal femoral fracture, fractured neck of femur, intertrochanteric fracture, broken hip, hip
    break ; fractura de cadera, schenkelhalsfraktur, huftfraktur, fracture de la hanche, fracture du col du femur,
    fratura do quadril, fratura da anca, 髋部骨折, 髋骨骨折, 股骨颈骨折, 大腿骨頸部骨折
vertebra:fracture < vertebra ^ *:fracture : vertebral fracture, vertebral compression fracture, compression fracture,
    spinal fracture, spine fracture, broken back, wedge fracture ; fractura vertebral, wirbelkorperfraktur
wrist:fracture < wrist ^ *:fracture : wrist fracture, broken wrist | distal radius fracture, colles fracture ;
    fractura de muneca, handgelenksbruch
scaphoid:fracture < scaphoid ^ wrist:fracture : scaphoid fracture, scaphoid break, broken scaphoid ; fractura de
    escafoides, kahnbeinbruch, fracture du scaphoide
dislocation < limb : dislocation, dislocated, subluxation, luxation ; luxacion, verrenkung, luxation, 脱位, 脱臼
knee osteoarthritis < knee ^ osteoarthritis : knee osteoarthritis, knee arthritis, arthritis of the knee,
    osteoarthritis of the knee, knee arthrosis, gonarthrosis, worn knee, worn out knee, knee wear and tear, kellgren
    lawrence, kellgren and lawrence, kellgren lawrence scale, kellgren lawrence score, kellgren, KL, kl scale, kl
    score, kl ; gonartrosis, artrosis de rodilla, gonarthrose, kniearthrose, arthrose du genou, gonartrose, artrose do
    joelho, 膝骨关节炎, 膝关节炎, 変形性膝関節症
hip osteoarthritis < hip ^ osteoarthritis : hip osteoarthritis, hip arthritis, arthritis of the hip, coxarthrosis ;
    coxartrosis, coxarthrose, huftarthrose
hand osteoarthritis < hand ^ osteoarthritis : hand osteoarthritis, hand arthritis, finger arthritis
bursitis < limb : bursitis | tendinitis, tendonitis, tendinopathy | tenosynovitis ; tendinitis, sehnenentzundung
gout < limb : gout | rheumatoid arthritis | synovitis ; gota, gicht, goutte, 痛风
osteomyelitis < bone : osteomyelitis, bone infection | osteonecrosis, avascular necrosis ; 骨髓炎
hip dysplasia < hip : hip dysplasia, ddh | leg length discrepancy ; displasia de cadera, huftdysplasie
knee effusion < knee : knee effusion, joint effusion | baker cyst
flat foot < foot : flat foot, flat feet | hallux valgus, bunion | heel spur
spine:stenosis < spine ^ *:stenosis : spinal stenosis, spinal canal stenosis, lumbar stenosis, spinal canal narrowing
    ; spinalkanalstenose
spondylolisthesis < spine : spondylolisthesis | spondylosis | disc degeneration, degenerative disc disease | disc
    bulge
spondylitis < spine : ankylosing spondylitis | sacroiliitis | kyphosis | lordosis
carpal tunnel syndrome < wrist : carpal tunnel syndrome, nerve entrapment, nerve compression ; karpaltunnelsyndrom
muscle tear < muscle : muscle tear | sarcopenia, muscle wasting, muscle atrophy
# skin
skin infection < skin : cellulitis | impetigo | ringworm, fungal infection of the skin | scabies | wart, warts |
    herpes ; | | | | verruga, warze, verrue, 疣
vitiligo < skin : vitiligo | melasma, hyperpigmentation | alopecia, hair loss | urticaria, hives ; 白癜风
skin wrinkles < skin : wrinkle, wrinkles | scar | keloid ; cicatriz, narbe
pressure ulcer < skin : pressure ulcer, pressure sore, bed sore, bedsore | venous ulcer
hemangioma of the skin < skin : port wine stain | cherry angioma | strawberry mark
# blood, cells, lymph
lymph node metastasis < lymph node : lymph node metastasis, lymphadenopathy, enlarged lymph nodes, swollen lymph nodes
lymphoma! < lymph node ^ *:lesion : lymphoma, hodgkin ; linfoma, lymphom, lymphome, 淋巴瘤
leukemia! < cell ^ *:lesion : leukemia, leukaemia, blast cells, blasts ; leucemia, leukamie, 白血病
malaria < cell : malaria, malaria parasite, plasmodium | parasite, parasites ; paludismo, paludisme, 疟疾, 疟原虫,
    マラリア, マラリア原虫
anemia < cell : anemia, anaemia | sickle cell ; anemie, 贫血
# devices
endotracheal tube < chest ^ implant : endotracheal tube, breathing tube, tracheal tube, ett ; tubo endotraqueal
nasogastric tube < abdomen ^ implant : nasogastric tube, feeding tube, ng tube
central line < chest ^ implant : central line, central venous catheter, picc line, picc, port catheter, swan ganz
    catheter
ventricular drain < brain ^ implant : ventricular catheter, ventricular drain, external ventricular drain,
    ventriculostomy, ventriculostomy catheter, shunt catheter, ventricular shunt, brain shunt, brain drain, EVD, vp
    shunt, shunt tube, shunt tubing, shunt ; cateter ventricular, drenaje ventricular externo, ventrikelkatheter,
    ventrikeldrainage, catheter ventriculaire, 脑室导管, 脑室引流管
pacemaker < heart ^ implant : pacemaker, pacemaker lead, pacemaker leads, defibrillator, icd lead ; marcapasos,
    herzschrittmacher, 起搏器, ペースメーカー
stent < artery ^ implant : stent, stents | coil | clip ; endoprotesis, 支架, ステント
joint prosthesis < bone ^ implant : prosthesis | hip replacement, hip prosthesis, artificial hip | knee replacement,
    knee prosthesis, artificial knee | screw, screws, metal plate, osteosynthesis ; protesis de cadera, huftprothese
dental implant < tooth ^ implant : dental implant, dental implants ; implante dental, zahnimplantat, implant dentaire
surgical tool < body ^ implant : surgical tool, surgical tools | forceps, grasper | scissors | needle | guidewire,
    guide wire
"""
