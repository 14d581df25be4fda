"""Imaging modalities in words: `id @ region : English forms ; other languages`. Marks as in `vocabulary_anatomy`.

Several lines may share an id: they name the same modality of different body regions. `id ^ general` is a special kind
of a modality; it counts as one of its own only where some card names it, else as the general one.
"""

from __future__ import annotations

MODALITIES = """
xray : x ray, x rays, xray, xrays, radiograph, radiographs, radiography, roentgenogram, roentgen, plain film, film,
    films, plain films, radiographic image, radiogram, x radiation image, digital radiography, plain radiograph ;
    radiografia, radiografias, rayos x, placa, rontgenbild, rontgenaufnahme, rontgen, rontgenbilder, radiographie,
    radiographies, radio@fr, rayons x, cliche, raio x, raio-x, raios x, x光片, x光, x线, x线片, x射线, レントゲン,
    レントゲン写真, x線写真, x線, 平片
xray @ abdomen : abdominal film, abdominal x ray, abdominal radiograph, kub, kub film, plain abdomen
xray @ chest : chest x ray, chest xray, cxr, cxrs, chest radiograph, chest film, pa radiograph, ap radiograph, pa
    film, thoracic radiograph, chest radiography, frontal chest film ; radiografia de torax, rx de torax, placa de
    torax, rontgen thorax, thoraxaufnahme, thoraxrontgen, rontgenthorax, thorax rontgen, radiographie thoracique,
    radio thoracique@fr, radiographie du thorax, radiografia do torax, raio x de torax, raio x do torax, 胸片,
    胸部x光片, 胸部x光, 胸部x线, 胸部x線, 胸部レントゲン, 胸部x線写真
xray @ tooth : dental x ray, dental radiograph, dental film, dental xray, tooth x ray ; radiografia dental,
    zahnrontgen
opg ^ xray @ tooth : panoramic radiograph, panoramic x ray, panoramic xray, panoramic film, panoramic image, panoramic
    view, panoramic scan, panoramic dental x ray, dental panoramic, dental panoramic x ray, dental panoramic
    radiograph, panoramic, orthopantomogram, orthopantomograph, opg, opt scan, panorex, dpt scan ; ortopantomografia,
    panoramica dental, radiografia panoramica, panoramica, panoramaaufnahme, panoramarontgen, panoramaschichtaufnahme,
    orthopantomogramm, radiographie panoramique, panoramique dentaire, panoramique, 全景片, 口腔全景片, パノラマ,
    パノラマx線
intraoral ^ xray @ tooth : intraoral x ray, intraoral xray, intraoral radiograph, intraoral film, intra oral x ray,
    intra oral radiograph, intra oral film, periapical radiograph, periapical x ray, periapical xray, periapical film,
    periapical view, periapical image, bitewing, bite wing, bitewing x ray, bitewing radiograph, rvg ; radiografia
    intraoral, radiografia periapical, zahnfilm, radiographie intraorale, radiographie retroalveolaire,
    retroalveolaire, 根尖片, 口内x线
cephalogram ^ xray @ head : cephalogram, cephalometric radiograph, cephalometric x ray, lateral cephalogram, ceph
mammography @ breast : mammogram, mammograms, mammography, mammographic, tomosynthesis ; mamografia, mammographie,
    mammografie, 乳腺钼靶, 钼靶, 乳房x线摄影, 乳房摄影, マンモグラフィ, マンモグラフィー
ct : ct, cts, ct scan, cat scan, computed tomography, computed tomogram, computerised tomography, computerized
    tomography, ct volume, low dose ct, ldct, contrast enhanced ct, cect, hrct, ncct, tomodensitometry, ct study, ct
    dataset ; tomografia computarizada, tomografia computada, tomografia, tac, tc@es, tc@pt, computertomographie,
    computertomografie, tomodensitometrie, scanner@fr, tdm, tomografia computadorizada, 电脑断层, 计算机断层扫描,
    断层扫描, コンピュータ断層撮影
cbct ^ ct : cone beam ct, cone beam computed tomography, cone beam, cone beam scan, cone beam volume, cone beam
    dataset, conebeam, cbct, dvt scan, digital volume tomography ; tomografia de haz conico, cone beam, digitale
    volumentomographie, tomographie volumique a faisceau conique, 锥形束ct, 口腔ct, コーンビームct
cta ^ ct : ct angiogram, ct angiography, cta, ct pulmonary angiogram, ctpa ; angio tc, ct angiographie, angioscanner
ct @ colon : ct colonography, virtual colonoscopy ; colonografia, ct kolonographie
mri : mri, mris, MR, mr image, mr scan, mr imaging, mr volume, magnetic resonance, magnetic resonance imaging, nuclear
    magnetic resonance, t1, t2, t1w, t2w, t1 weighted, t2 weighted, flair, dwi, adc, swi, stir, t1ce, late gadolinium,
    lge, late gadolinium enhancement, gadolinium, mpmri, multiparametric mri, fmri, gadolinium enhanced ; resonancia
    magnetica, resonancia, RM, irm, imagerie par resonance magnetique, mrt, kernspin, kernspintomographie,
    magnetresonanztomographie, ressonancia magnetica, ressonancia, 磁共振成像, 磁共振, 核磁共振, 核磁, 磁気共鳴
mri @ heart : cmr, cine mri, cardiac mr, cardiac cine, cine mr ; cardio rm, herz mrt, irm cardiaque, 心脏磁共振
ultrasound : ultrasound, ultrasounds, ultrasonography, ultrasonic, sonogram, sonograms, sonography, echography, echo,
    doppler, US ; ecografia, ecografico, ultrasonido, ultraschall, ultraschallbild, sonographie, sonografie,
    echographie, ultrassom, ultrassonografia, 超声, 超音波, b超, 彩超, エコー
ultrasound @ pelvis : obstetric ultrasound, obstetric scan, obstetric us, obstetric sonogram, obstetrical ultrasound,
    obstetrical scan, pregnancy ultrasound, pregnancy scan, pregnancy sonogram, prenatal ultrasound, prenatal scan,
    antenatal scan, antenatal ultrasound, baby scan, ultrasound of the baby, scan of the baby, ultrasound of my baby,
    first trimester scan, first trimester ultrasound, second trimester scan, second trimester ultrasound, third
    trimester scan, trimester scan, week scan, weeks scan, week ultrasound, weeks ultrasound, anomaly scan, dating
    scan, nuchal scan, transvaginal ultrasound, transvaginal scan, maternity scan, maternity ultrasound ; ecografia
    obstetrica, ecografia del embarazo, schwangerschaftsultraschall, echographie obstetricale, echographie de
    grossesse, ultrassom obstetrico, ecografia obstetrica, 产科超声, 产检超声, 産科超音波, 妊婦エコー
endoscopic ultrasound ^ ultrasound : endoscopic ultrasound, endosonography
intravascular ultrasound ^ ultrasound : intravascular ultrasound, ivus
transrectal ultrasound ^ ultrasound @ prostate : transrectal ultrasound, transrectal us, trus
ultrasound @ heart : echocardiogram, echocardiography, echocardiographic, heart ultrasound, TTE, TEE ; ecocardiograma,
    ecocardiografia, echokardiographie, echokardiogramm, echocardiographie, 超声心动图, 心脏超声, 心エコー
ultrasound @ breast : breast echo, breast us ; mammasonographie, 乳腺超声, 乳房超声, 乳房超音波
dermoscopy @ skin : dermoscopy, dermoscopic, dermatoscopy, dermatoscope, dermatoscopic, dermoscope, epiluminescence
    microscopy, skin photo, skin photograph, clinical skin photo ; dermatoscopia, dermatoscopico, dermoscopia,
    dermatoskopie, dermatoskopisch, dermoskopie, auflichtmikroskopie, dermoscopie, dermatoscopie, 皮肤镜, 皮肤镜图像,
    ダーモスコピー
specular : specular microscopy, specular microscope, specular micrograph, specular image, specular photograph,
    specular photo, specular, endothelial microscopy, endothelial photograph ; microscopia especular,
    spiegelmikroskopie, endothelmikroskopie, microscopie speculaire, 角膜内皮镜, スペキュラーマイクロスコープ
confocal : confocal microscopy, confocal image, in vivo confocal microscopy ; microscopia confocal,
    konfokalmikroskopie
slit lamp : slit lamp, slit lamp photo, slit lamp image, slitlamp, anterior segment photo ; lampara de hendidura,
    spaltlampe, lampe a fente, 裂隙灯, 細隙灯
fluorescein ^ fundus @ eye : fluorescein angiography, fluorescein angiogram, fundus autofluorescence
corneal topography : corneal topography, corneal tomography, pentacam
fundus @ eye : fundus, fundus photo, fundus photograph, fundus photography, fundus image, color fundus, colour fundus,
    color fundus photography, colour fundus photography, cfp, retinal photo, retinal photograph, retinal image,
    ophthalmoscopy, fundoscopy, funduscopy, retinography, ocular fundus, retinal scan, fundus picture, fundus pic,
    fundus camera, fundus camera image, fundus camera picture, retina photo, retina picture, photo of the retina,
    picture of the retina ; retinografia, fondo de ojo, imagen de fondo de ojo, fundusbild, fundusfoto,
    fundusaufnahme, augenhintergrund, fond d oeil, retinographie, fundo de olho, 眼底照片, 眼底图像, 眼底图, 眼底照相,
    眼底写真, 眼底画像
oct @ eye : oct, octs, optical coherence tomography, optical coherence tomogram, optical coherence scan ; tomografia
    de coherencia optica, optische koharenztomographie, 光学相干断层扫描, 光干渉断層計
laryngoscopy ^ endoscopy : laryngoscopy, laryngoscopic, laryngoscope ; laringoscopia, laryngoskopie, 喉镜
bronchoscopy ^ endoscopy : bronchoscopy, bronchoscopic, bronchoscope ; broncoscopia, bronchoskopie, 支气管镜
cystoscopy ^ endoscopy : cystoscopy, cystoscopic, cystoscope ; cistoscopia, zystoskopie, 膀胱镜
arthroscopy ^ endoscopy : arthroscopy, arthroscopic ; artroscopia, arthroskopie, 关节镜
laparoscopy ^ endoscopy : laparoscopy, laparoscopic, laparoscopic video ; laparoscopia, laparoskopie, 腹腔镜
hysteroscopy ^ endoscopy : hysteroscopy, hysteroscopic
colposcopy : colposcopy, colposcopic, colposcope ; colposcopia, kolposkopie, 阴道镜
otoscopy : otoscopy, otoscopic, otoscope, otoscope image, ear photo ; otoscopia, otoskopie, 耳镜
endoscopy : endoscopy, endoscopic, endoscope, endoscopic image ; endoscopia, endoskopie, endoskopisch, endoscopie,
    内镜, 内窥镜, 内視鏡
endoscopy @ colon : colonoscopy, colonoscopic, coloscopy, sigmoidoscopy, colonoscopy frame, colonoscope ;
    colonoscopia, koloskopie, koloskopiebild, darmspiegelung, coloscopie, colonoscopie, 结肠镜, 肠镜, 大腸内視鏡,
    下部内視鏡
endoscopy @ stomach : gastroscopy, upper endoscopy, gastroscope ; gastroscopia, gastroskopie, magenspiegelung,
    gastroscopie, 胃镜, 胃カメラ
capsule endoscopy @ small bowel : capsule endoscopy, video capsule ; capsula endoscopica, kapselendoskopie, 胶囊内镜
pet : pet, pet scan, positron emission tomography, fdg, pet ct, spect, scintigraphy, bone scan ; tomografia por
    emision de positrones, szintigraphie, scintigraphie, gammagrafia, 正电子发射断层扫描, ペット検査
cytology ^ histology : cytology, pap smear, cytology slide, cervical smear ; citologia, zytologie, 细胞学
blood smear ^ histology : blood smear, blood film, thin film, thick film, peripheral blood smear, blood slide ;
    frotis de sangre, blutausstrich, 血涂片
histology : histologic slide, tissue slide, tissue section, stained slide, whole slide, wsi, biopsy slide, histology
    section, pathology image, histology image, histology slide, histopathology, histopathology slide, pathology slide,
    whole slide image, biopsy, biopsies, microscopy, microscope, micrograph, smear, h e stained, h e slide ;
    histopatologia, histologia, microscopia, biopsia, mikroskopie, biopsie, microscopie, 病理切片, 病理图像, 显微镜,
    病理画像, 顕微鏡
angiography : angiography, angiogram, dsa, fluoroscopy, venography ; angiografia, angiographie, 血管造影
photo : clinical photo, clinical photograph, smartphone photo, intraoral photo, wound photo, selfie
dexa : dexa, dxa, bone densitometry, dexa scan
thermography : thermography, thermogram
eeg : eeg, electroencephalogram, emg
spirometry : spirometry, spirogram
ecg : ecg, ekg, electrocardiogram, ecg trace, ecg strip ; electrocardiograma, elektrokardiogramm, 心电图, 心電図
"""
