"""Findings and diseases in words: `id < organ ^ is-a : English forms ; forms in other languages`.

`organ:family` ids are composed as well: "liver" beside "tumour" is `liver:lesion` without being listed. `*:family`
lines hold the words of a family that name no organ. `!` after the id marks a finding that is malignant by definition.
The marks on forms are those of `vocabulary_anatomy`.
"""

from __future__ import annotations

FINDINGS = """
# families without an organ
*:lesion : lesion, lesions, mass, masses, nodule, nodules, nodular lesion, lump, growth, tumor, tumour, tumoral,
    tumorous, neoplasm, neoplasia, neoplastic, focal lesion ; lesion, lesiones, masa, bulto, nodulo, nodulos, tumor,
    tumores, lasion, lasionen, herd, raumforderung, knoten, geschwulst, tumeur, tumeurs, masse, nodule, grosseur,
    lesao, lesoes, massa, caroco, 病灶, 病变, 肿块, 肿瘤, 结节, 腫瘍, 腫瘤, 病変, 結節
*:cyst : cyst, cysts, cystic lesion ; quiste, quistes, zyste, zysten, kyste, kystes, cisto, cistos, 囊肿, 嚢胞, 囊腫
*:stone : stone, stones, calculus, calculi, lithiasis ; calculo, calculos, piedra, piedras, stein, steine, pierre,
    calcul, calculs, pedra, pedras, 结石, 結石
*:fracture : fracture, fractures, fractured, broken, broken bone, break in the bone, cracked, crack, bone break,
    shattered, fracturing ; roto@es, rota@es, gebrochen, casse@fr, cassee@fr, fracturee, quebrado, quebrada,
    fracturada, fracturado, fractura, fracturas, fraktur, frakturen, bruch, bruche, knochenbruch, fratura, fraturas,
    骨折
*:infection : infection, infections, infected, inflammation, inflamed, inflammatory ; infectado, infectada, inflamado,
    inflamada, entzundet, infiziert, infecte, enflamme, infeccion, inflamacion, infektion, entzundung, inflammation,
    infeccao, inflamacao, 感染, 炎症
*:effusion : effusion, effusions ; derrame, erguss, epanchement, 积液
*:hemorrhage : hemorrhage, haemorrhage, bleeding, bleed, bleeds, hematoma, haematoma, blood, bled, hemorrhagic,
    haemorrhagic ; sangre, blut@de, blutet, sang@fr, saigne, sangue, hemorragia, sangrado, hematoma, blutung, hamatom,
    hemorragie, saignement, hematome, sangramento, 出血, 血肿, 血腫
*:edema : edema, oedema, swelling, swollen, edematous ; hinchado, hinchada, geschwollen, gonfle, inchado, odem,
    oedeme, 水肿, 浮腫
*:calcification : calcification, calcifications, calcified, microcalcifications, chalky deposits ; calcificado,
    verkalkt, calcificacion, calcificaciones, verkalkung, verkalkungen, calcifications, calcificacao, 钙化, 石灰化
*:tear : tear, tears, torn, rupture, ruptures, ruptured, tearing, ripped, snapped ; desgarro, desgarrado, desgarrada,
    rotura, roto@es, rota@es, riss, gerissen, ruptur, dechirure, dechire, dechiree, rupture, rompu, rompue, rompido,
    rompida, rasgado, 撕裂, 断裂, 损伤, 損傷, 断了
*:stenosis : stenosis, stenoses, stenosed, stenotic, narrowing, narrowed, occlusion, occluded, blocked, blockage,
    obstructed ; estrechamiento, estrechado, obstruido, verengt, verschlossen, verengung, retreci, bouche, estreitado,
    estenosis, stenose, estenose, 狭窄
*:thrombosis : thrombosis, thrombus, thrombi, thrombosed, blood clot, blood clots, clot, clots, clotted ; coagulo,
    gerinnsel, caillot, trombosis, trombo, thrombose, trombose, 血栓
*:abscess : abscess, abscesses ; absceso, abszess, abces, abscesso, 脓肿, 膿瘍
*:aneurysm : aneurysm, aneurysms ; aneurisma, aneurysma, anevrisme, 动脉瘤, 動脈瘤
*:metastasis! ^ *:lesion : metastasis, metastases, metastatic ; metastasis, metastase, metastasen, metastases, 转移灶,
    转移瘤, 転移
# lungs and chest
tuberculosis < lung : tuberculosis, tuberculous, tubercular, tb, pulmonary tuberculosis, active tb disease, active tb,
    tb disease, consumption, white plague, koch disease, koch s disease, kochs disease, phthisis, mycobacterium
    tuberculosis, mycobacterium tuberculosis infection, pulmonary mycobacterium tuberculosis infection, mtb ;
    tuberculoso, tisis, tuberkulose, schwindsucht, tbc, tuberculose, phtisie, 肺结核, 结核病, 结核, 肺結核, 結核
lung:infection < lung : pneumonia, pneumonias, pneumonic, lung infection, chest infection, pulmonary infection, lung
    inflammation, pneumonitis, infection of the lung, infection of the lungs ; neumonia, pulmonia, neumonias,
    lungenentzundung, pneumonie, infection pulmonaire, 肺炎
viral pneumonia < lung ^ lung:infection : viral pneumonia, viral etiology pneumonia, pneumonia of viral origin, viral
    lung infection ; neumonia viral, virale pneumonie, virale lungenentzundung, virus pneumonie, pneumonie virale,
    pneumonia viral, 病毒性肺炎, ウイルス性肺炎
bacterial pneumonia < lung ^ lung:infection : bacterial pneumonia, pneumonia of bacterial origin ; neumonia
    bacteriana, bakterielle pneumonie, bakterielle lungenentzundung, pneumonie bacterienne, pneumonia bacteriana,
    细菌性肺炎, 細菌性肺炎
fungal pneumonia < lung ^ lung:infection : fungal pneumonia, aspergillosis ; pilzpneumonie, 真菌性肺炎
covid < lung : covid, covid 19, covid19, covid 19 pneumonia, covid pneumonia, coronavirus, corona virus, coronavirus
    disease, sars cov 2, sarscov2, sars, coronavirus infection, covid infection, corona infection ; corona@de,
    coronavirus, infeccion por coronavirus, 新冠肺炎, 新冠病毒, 新冠, 新型冠状病毒, コロナウイルス, 新型コロナ, コロナ
pneumothorax < chest : pneumothorax, collapsed lung, air in the pleural space ; neumotorax, 气胸, 気胸
pleural effusion < chest : pleural effusion, pleural effusions, fluid around the lung, fluid around the lungs,
    hydrothorax ; derrame pleural, pleuraerguss, epanchement pleural, 胸腔积液, 胸水
lung:opacity < lung : lung opacity, lung opacities, pulmonary opacity, pulmonary opacities, opacity, opacities, ground
    glass, ground glass opacity, ground glass opacities, consolidation, consolidations, infiltrate, infiltrates,
    infiltration, pneumonia opacities, pneumonia opacity, airspace disease ; opacidad, opacidades, infiltrado,
    consolidacion, verschattung, verschattungen, infiltrat, konsolidierung, opacite, opacites, opacidade, 磨玻璃影,
    实变, 浸润, すりガラス影, 浸潤影
atelectasis < lung : atelectasis, lung collapse ; atelectasia, atelektase, atelectasie, 肺不张, 無気肺
emphysema < lung : emphysema, copd, emphysematous ; enfisema, emphysem, emphyseme, 肺气肿, 肺気腫
pulmonary fibrosis < lung : pulmonary fibrosis, lung fibrosis, interstitial lung disease, fibrosis ; fibrosis
    pulmonar, lungenfibrose, fibrose pulmonaire, fibrose pulmonar, 肺纤维化, 肺線維症
pulmonary edema < lung : pulmonary edema, pulmonary oedema, lung edema ; edema pulmonar, lungenodem, oedeme
    pulmonaire, 肺水肿, 肺水腫
pulmonary embolism < lung : pulmonary embolism, pulmonary embolus, pulmonary emboli, lung embolism, PE ; embolia
    pulmonar, lungenembolie, embolie pulmonaire, 肺栓塞, 肺塞栓
pleural thickening < chest : pleural thickening, pleural plaque ; engrosamiento pleural, 胸膜增厚
bronchiectasis < lung : bronchiectasis | bronchitis | asthma ; bronquiectasia, 支气管扩张, 気管支拡張症
lung:lesion < lung ^ *:lesion : lung nodule, lung nodules, pulmonary nodule, pulmonary nodules, coin lesion, lung
    tumor, lung tumour, lung mass ; nodulo pulmonar, nodulos pulmonares, lungenherd, lungenrundherd, lungenknoten,
    lungentumor, nodule pulmonaire, 肺结节, 肺結節, 肺腫瘍
lung cancer! < lung ^ lung:lesion : lung cancer, lung carcinoma, bronchial carcinoma, non small cell lung cancer ;
    cancer de pulmon, lungenkrebs, cancer du poumon, cancer de pulmao, 肺癌, 肺がん
hernia < abdomen : hernia | inguinal hernia ; leistenbruch, hernie, 疝
rib:fracture < rib ^ *:fracture : rib fracture, rib fractures, broken rib, broken ribs
scoliosis < spine : scoliosis ; escoliosis, skoliose, scoliose, 脊柱侧弯, 側弯症
# heart and vessels
cardiomegaly < heart : cardiomegaly, enlarged heart, heart enlargement, cardiac enlargement ; cardiomegalia,
    kardiomegalie, herzvergrosserung, cardiomegalie, 心脏肥大, 心影增大, 心拡大
pericardial effusion < heart : pericardial effusion ; derrame pericardico, perikarderguss, 心包积液, 心嚢液
heart failure < heart : heart failure, cardiac failure ; insuficiencia cardiaca, herzinsuffizienz, 心力衰竭, 心不全
myocardial infarction < heart : myocardial infarction, heart attack, myocardial scar, scar tissue, infarct scar ;
    infarto de miocardio, herzinfarkt, infarctus du myocarde, 心肌梗死, 心筋梗塞
coronary artery disease < heart : coronary artery disease, coronary heart disease, coronary stenosis
aorta:aneurysm < aorta ^ *:aneurysm : aortic aneurysm ; aneurisma de aorta, aortenaneurysma, 主动脉瘤
# brain
brain:lesion < brain ^ *:lesion : brain tumor, brain tumour, brain tumors, brain neoplasm, intracranial neoplasm,
    intracranial tumor, intracranial tumour, cerebral tumor, cerebral tumour, brain mass, brain cancer ; tumor
    cerebral, tumores cerebrales, hirntumor, hirntumoren, gehirntumor, tumeur cerebrale, tumeur au cerveau, tumores
    cerebrais, 脑肿瘤, 脑瘤, 脳腫瘍
glioma! < brain ^ brain:lesion : glioma, gliomas, glioblastoma, gbm, astrocytoma, oligodendroglioma ; gliom, gliome,
    glioblastom, gliome, 胶质瘤, 神经胶质瘤, 膠質瘤, 神経膠腫
meningioma < brain ^ brain:lesion : meningioma, meningiomas ; meningiom, meningeom, meningiome, 脑膜瘤, 髄膜腫
pituitary:lesion < pituitary ^ brain:lesion : pituitary tumor, pituitary tumour, pituitary adenoma, pituitary
    macroadenoma, pituitary neoplasm ; tumor hipofisario, adenoma hipofisario, hypophysenadenom, hypophysentumor,
    adenome hypophysaire, 垂体瘤, 垂体腺瘤, 下垂体腺腫
acoustic neuroma < brain ^ brain:lesion : acoustic neuroma, vestibular schwannoma, schwannoma ; vestibularisschwannom,
    听神经瘤
stroke < brain : stroke, strokes, ischemic stroke, ischaemic stroke, ischemic lesion, infarct, infarction, cerebral
    infarction, stroke lesion ; ictus, infarto cerebral, schlaganfall, hirninfarkt, accident vasculaire cerebral, avc,
    acidente vascular cerebral, 脑卒中, 中风, 脑梗死, 脳梗塞, 脳卒中
brain:hemorrhage < brain : intracranial hemorrhage, intracranial haemorrhage, intracerebral hemorrhage, brain bleed,
    skull bleed, brain hemorrhage, head bleed, bleeding in the head, bleeding in the brain, blood in the brain, blood
    on the brain, haemorrhage in the brain ; hemorragia cerebral, hemorragia intracraneal, hirnblutung, hemorragie
    cerebrale, 脑出血, 颅内出血, 脳出血
multiple sclerosis < brain : multiple sclerosis, ms plaques, ms lesions, multiple sclerosis plaques, multiple
    sclerosis lesions, white matter lesions, white matter hyperintensities, demyelination, demyelinating lesions ;
    esclerosis multiple, multiple sklerose, sclerose en plaques, esclerose multipla, 多发性硬化, 多発性硬化症
alzheimer < brain : alzheimer, alzheimers, alzheimer disease, alzheimer s disease, dementia | cognitive impairment ;
    demencia, demenz, maladie d alzheimer, 阿尔茨海默病, 痴呆, 認知症, アルツハイマー
parkinson < brain : parkinson, parkinsons, parkinson disease ; 帕金森, パーキンソン病
hydrocephalus < brain : hydrocephalus ; hidrocefalia, hydrozephalus, hydrocephalie, 脑积水, 水頭症
epilepsy < brain : epilepsy, epileptic focus | hippocampal sclerosis ; epilepsia, epilepsie, 癫痫, てんかん
brain atrophy < brain : brain atrophy, cerebral atrophy, hippocampal atrophy, atrophy ; atrofia cerebral,
    hirnatrophie, 脑萎缩, 脳萎縮
# eye
glaucoma < eye : glaucoma, glaucomatous, glaucomatous damage, optic neuropathy due to elevated intraocular pressure,
    glaucomatous optic neuropathy, raised eye pressure damage ; glaukom, gruner star, glaucome, 青光眼, 緑内障
diabetic retinopathy < eye : diabetic retinopathy, diabetic eye disease, retinopathy, diabetic retinal disease,
    diabetic eye damage, DR, diabetic changes in the eye, diabetic damage to the eye, diabetic damage to the retina ;
    retinopatia diabetica, diabetische retinopathie, retinopathie diabetique, 糖尿病视网膜病变, 糖网病, 糖尿病網膜症
macular edema < eye ^ *:edema : macular edema, macular oedema, diabetic macular edema ; edema macular, makulaodem,
    oedeme maculaire, 黄斑水肿, 黄斑浮腫
macular degeneration < eye : macular degeneration, age related macular degeneration, AMD ; degeneracion macular,
    makuladegeneration, degenerescence maculaire, 黄斑变性, 加齢黄斑変性
cataract < eye : cataract, cataracts ; catarata, grauer star, katarakt, cataracte, 白内障
retinal detachment < eye : retinal detachment, retinal tear ; desprendimiento de retina, netzhautablosung, 视网膜脱离,
    網膜剥離
eye exudate < eye : exudate, exudates, hard exudates | cotton wool spots | retinal hemorrhage ; exudados, exsudate,
    渗出
myopia < eye : myopia, pathological myopia | papilledema, papilloedema ; miopia, 近视, 近視
# skin
nevus < skin ^ skin:lesion : naevus, nevus, naevi, nevi, melanocytic nevus, melanocytic nevi, melanocytic naevus ;
    nevo, nevos, navus, navi, 色素痣, 母斑
skin:lesion < skin ^ *:lesion : skin lesion, skin lesions, mole, moles, pigmented lesion, pigmented spot, pigmented
    skin lesion, dark spot, dark spot on the skin, skin spot, birthmark, skin growth, skin tumor, skin tumour,
    cutaneous lesion, skin mark, lentigo ; lesion cutanea, lesion de la piel, lunar, lunares, mancha de la piel,
    hautlasion, muttermal, leberfleck, pigmentfleck, hautveranderung, lesion cutanee, grain de beaute, grains de
    beaute, lesao de pele, lesao cutanea, sinal na pele, pinta, 皮肤病变, 皮肤病灶, 皮损, 黑痣, 痣, 皮膚病変, ほくろ
melanoma! < skin ^ skin:lesion : melanoma, melanomas, malignant melanoma, melanomatous, black skin cancer ; melanom,
    schwarzer hautkrebs, melanome, 黑色素瘤, 恶性黑色素瘤, 黒色腫, メラノーマ, 悪性黒色腫
skin cancer! < skin ^ skin:lesion : skin cancer, cancer of the skin, skin malignancy ; cancer de piel, hautkrebs,
    cancer de la peau, cancer de pele, 皮肤癌, 皮膚がん
basal cell carcinoma! < skin ^ skin:lesion : basal cell carcinoma, basalioma, bcc ; carcinoma basocelular,
    basalzellkarzinom, basaliom, carcinome basocellulaire, 基底细胞癌, 基底細胞癌
squamous cell carcinoma! < skin ^ skin:lesion : squamous cell carcinoma, scc ; carcinoma espinocelular,
    plattenepithelkarzinom, 鳞状细胞癌, 扁平上皮癌
actinic keratosis < skin ^ skin:lesion : actinic keratosis, actinic keratoses ; queratosis actinica, aktinische
    keratose, 光化性角化病
seborrheic keratosis < skin ^ skin:lesion : seborrheic keratosis, seborrhoeic keratosis, benign keratosis ; queratosis
    seborreica, 脂溢性角化病
dermatofibroma < skin ^ skin:lesion : dermatofibroma, dermatofibromas | vascular lesion of the skin ; 皮肤纤维瘤
psoriasis < skin : psoriasis | eczema | acne | dermatitis | rosacea | skin rash, rash ; psoriasis, schuppenflechte,
    银屑病, 乾癬 | ekzem, 湿疹
wound < skin : wound, wounds | ulcer | diabetic foot ulcer, foot ulcer | burn, burns ; herida, wunde, plaie, 伤口 |
    ulcera, 溃疡, 潰瘍
hair < skin : hair, hairs ; pelo, haare, cheveux, poils, cabelo, 毛发
# breast
breast:lesion < breast ^ *:lesion : breast lesion, breast lesions, breast mass, breast lump, breast nodule, breast
    tumor, breast tumour, mammary lesion, lump in the breast, mass in the breast ; lesion mamaria, nodulo mamario,
    nodulo de mama, tumor de mama, brusttumor, knoten in der brust, brustlasion, lesion mammaire, nodule mammaire,
    tumeur du sein, lesao mamaria, nodulo da mama, 乳腺肿块, 乳腺病变, 乳腺结节, 乳腺肿瘤, 乳房腫瘤, 乳房肿块
breast cancer! < breast ^ breast:lesion : breast cancer, breast carcinoma, breast malignancy ; cancer de mama,
    brustkrebs, mammakarzinom, cancer du sein, 乳腺癌, 乳がん
# abdomen and pelvis
colon:polyp < colon ^ colon:lesion : polyp, polyps, polypoid lesion, polypoid growth, colon polyp, colonic polyp,
    colorectal polyp, bowel polyp, intestinal polyp, adenomatous polyp ; polipo, polipos, polipo colorrectal, polyp,
    polypen, darmpolyp, darmpolypen, polype, polypes, polipo, 结肠息肉, 息肉, ポリープ, 大腸ポリープ
colon cancer! < colon ^ colon:lesion : colon cancer, colorectal cancer, bowel cancer ; cancer de colon, darmkrebs,
    cancer du colon, 结肠癌, 大腸がん
ulcerative colitis < colon : ulcerative colitis, colitis | crohn, crohns disease | inflammatory bowel disease ;
    colitis ulcerosa, 溃疡性结肠炎, 潰瘍性大腸炎
appendicitis < abdomen : appendicitis ; apendicitis, appendizitis, blinddarmentzundung, 阑尾炎, 虫垂炎
liver:lesion < liver ^ *:lesion : liver tumor, liver tumour, liver lesion, hepatic lesion, hepatic tumour, liver
    metastasis, liver metastases, hepatic metastases ; tumor hepatico, lesion hepatica, lebertumor, leberlasion,
    lebermetastase, lebermetastasen, tumeur hepatique, tumeur du foie, tumor hepatico, 肝肿瘤, 肝脏肿瘤, 肝腫瘍
liver cancer! < liver ^ liver:lesion : liver cancer, hepatocellular carcinoma, hcc ; cancer de higado, leberkrebs,
    cancer du foie, 肝癌, 肝がん
cirrhosis < liver : cirrhosis, liver cirrhosis, liver fibrosis ; cirrosis, zirrhose, leberzirrhose, cirrhose, cirrose,
    肝硬化, 肝硬変
fatty liver < liver : fatty liver, steatosis, hepatic steatosis, liver fat ; higado graso, fettleber, steatose, 脂肪肝
gallbladder:stone < gallbladder : gallstone, gallstones, gall stones, cholelithiasis ; calculo biliar, calculos
    biliares, gallenstein, gallensteine, calculs biliaires, 胆结石, 胆石
kidney:stone < kidney : kidney stone, kidney stones, renal stone, renal stones, renal calculus, renal calculi,
    nephrolithiasis ; calculo renal, calculos renales, piedras en el rinon, nierenstein, nierensteine, calcul renal,
    calculs renaux, pedra nos rins, calculos renais, 肾结石, 腎結石
kidney:cyst < kidney : kidney cyst, kidney cysts, renal cyst, renal cysts, polycystic kidney ; quiste renal,
    nierenzyste, nierenzysten, kyste renal, 肾囊肿, 腎嚢胞
kidney:lesion < kidney ^ *:lesion : kidney tumor, kidney tumour, renal tumor, renal tumour, renal mass, renal lesion,
    kidney lesion ; tumor renal, nierentumor, tumeur renale, tumeur du rein, 肾肿瘤, 腎腫瘍
kidney cancer! < kidney ^ kidney:lesion : kidney cancer, renal cell carcinoma, renal cancer ; cancer renal,
    nierenkrebs, 肾癌
hydronephrosis < kidney : hydronephrosis ; hidronefrosis, hydronephrose, 肾积水, 水腎症
pancreas:lesion < pancreas ^ *:lesion : pancreas tumor, pancreas tumour, pancreatic tumor, pancreatic tumour,
    pancreatic lesion, pancreatic mass ; tumor pancreatico, pankreastumor, tumeur du pancreas, 胰腺肿瘤, 膵腫瘍
pancreatic cancer! < pancreas ^ pancreas:lesion : pancreatic cancer, pancreas cancer ; cancer de pancreas,
    pankreaskrebs, 胰腺癌, 膵臓がん
pancreatitis < pancreas : pancreatitis ; pankreatitis, pancreatite, 胰腺炎, 膵炎
bladder:stone < bladder : bladder stone, bladder stones ; calculo vesical, blasenstein, 膀胱结石
prostate:lesion < prostate ^ *:lesion : prostate lesion, prostate tumor, prostate tumour, prostatic lesion ; lesion
    prostatica, prostatatumor, 前列腺病灶
prostate cancer! < prostate ^ prostate:lesion : prostate cancer, prostate carcinoma ; cancer de prostata,
    prostatakrebs, prostatakarzinom, cancer de la prostate, 前列腺癌, 前立腺がん
thyroid:lesion < thyroid ^ *:lesion : thyroid nodule, thyroid nodules, thyroid lesion, thyroid tumor, thyroid tumour,
    thyroid mass ; nodulo tiroideo, nodulos tiroideos, schilddrusenknoten, nodule thyroidien, nodulo da tireoide,
    甲状腺结节, 甲状腺結節
thyroid cancer! < thyroid ^ thyroid:lesion : thyroid cancer, thyroid carcinoma ; cancer de tiroides,
    schilddrusenkrebs, 甲状腺癌
goiter < thyroid : goiter, goitre ; bocio, struma, goitre, 甲状腺肿
fibroid < uterus : fibroid, fibroids, myoma ; mioma, myom, fibrome, 子宫肌瘤, 子宮筋腫
ascites < abdomen : ascites, free fluid ; ascitis, aszites, ascite, 腹水
bowel obstruction < abdomen : bowel obstruction, ileus | free air, pneumoperitoneum ; obstruccion intestinal,
    darmverschluss, 肠梗阻, 腸閉塞
# bones and teeth
osteoarthritis < limb : osteoarthritis, arthritis, arthrosis, wear and tear, degenerative joint disease, arthritic,
    worn joint, worn out joint ; artrosis, arthrose, artrose, 骨关节炎, 関節炎
osteoporosis < bone : osteoporosis | osteopenia | bone density ; osteoporose, 骨质疏松, 骨粗鬆症
disc herniation < spine : disc herniation, herniated disc, slipped disc, disk herniation ; hernia discal,
    bandscheibenvorfall, hernie discale, 椎间盘突出, 椎間板ヘルニア
bone age < hand : bone age, skeletal age ; edad osea, knochenalter, age osseux, idade ossea, 骨龄, 骨年齢
caries < tooth : caries, tooth decay, decayed, cavities ; karies, carie, carie dentaire, 龋齿, 虫歯
meniscus:tear < meniscus : meniscus tear, meniscal tear, torn meniscus ; desgarro de menisco, meniskusriss
bone:lesion < bone ^ *:lesion : bone tumor, bone tumour, bone lesion, osteosarcoma, bone metastasis, bone metastases ;
    tumor oseo, knochentumor, 骨肿瘤, 骨腫瘍
# general
diabetes < body : diabetes, diabetic ; diabetes, 糖尿病
cancer! ^ *:lesion : cancer, cancers, carcinoma, carcinomas, malignant tumor, malignant tumour, malignant neoplasm,
    sarcoma ; cancer, krebs, karzinom, carcinome, 癌症, 癌, がん
implant < body : implant, implants, catheter, catheters, chest tube, drain, drains, surgical instrument, surgical
    instruments, instruments, medical device ; cateter, sonda, katheter, drainage@de, drenaje, 导管, カテーテル
"""
