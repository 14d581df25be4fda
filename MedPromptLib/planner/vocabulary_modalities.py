"""Imaging modalities in words: `id @ region : English forms ; other languages`. Marks as in `vocabulary_anatomy`.

Several lines may share an id: they name the same modality of different body regions.
"""

from __future__ import annotations

MODALITIES = """
xray : x ray, x rays, xray, xrays, radiograph, radiographs, radiography, roentgenogram, roentgen, plain film, film,
    films, radiographic image, radiogram, x radiation image, digital radiography, plain radiograph ; radiografia,
    radiografias, rayos x, placa, rontgenbild, rontgenaufnahme, rontgen, rontgenbilder, radiographie, radiographies,
    radio@fr, rayons x, cliche, raio x, raio-x, raios x, x光片, x光, x线, x线片, x射线, レントゲン, レントゲン写真,
    x線写真, x線, 平片
xray @ chest : chest x ray, chest xray, cxr, chest radiograph, chest film, pa radiograph, ap radiograph, pa film,
    thoracic radiograph, chest radiography, frontal chest film ; radiografia de torax, rx de torax, placa de torax,
    rontgen thorax, thoraxaufnahme, thoraxrontgen, rontgenthorax, thorax rontgen, radiographie thoracique, radio
    thoracique@fr, radiographie du thorax, radiografia do torax, raio x de torax, raio x do torax, 胸片, 胸部x光片,
    胸部x光, 胸部x线, 胸部x線, 胸部レントゲン, 胸部x線写真
xray @ tooth : panoramic radiograph, dental x ray, orthopantomogram, opg, bitewing, panoramic x ray ;
    ortopantomografia, panoramica dental, 全景片, パノラマ
mammography @ breast : mammogram, mammograms, mammography, mammographic, tomosynthesis ; mamografia, mammographie,
    mammografie, 乳腺钼靶, 钼靶, 乳房x线摄影, 乳房摄影, マンモグラフィ, マンモグラフィー
ct : ct, cts, ct scan, cat scan, computed tomography, computed tomogram, computerised tomography, computerized
    tomography, ct volume, low dose ct, ldct, contrast enhanced ct, cect, ct angiogram, ct angiography, cta, hrct,
    ncct, cone beam ct, cbct, tomodensitometry ; tomografia computarizada, tomografia computada, tomografia, tac,
    tc@es, tc@pt, computertomographie, computertomografie, tomodensitometrie, scanner@fr, tdm, tomografia
    computadorizada, 电脑断层, 计算机断层扫描, 断层扫描, コンピュータ断層撮影
ct @ colon : ct colonography, virtual colonoscopy ; colonografia, ct kolonographie
mri : mri, mris, MR, mr image, mr scan, mr imaging, mr volume, magnetic resonance, magnetic resonance imaging,
    nuclear magnetic resonance, t1, t2, t1w, t2w, t1 weighted, t2 weighted, flair, dwi, adc, swi, stir, t1ce, late
    gadolinium, lge, late gadolinium enhancement, gadolinium, mpmri, multiparametric mri, fmri, gadolinium enhanced
    ; resonancia magnetica, resonancia, RM, irm, imagerie par resonance magnetique, mrt, kernspin,
    kernspintomographie, magnetresonanztomographie, ressonancia magnetica, ressonancia, 磁共振成像, 磁共振,
    核磁共振, 核磁, 磁気共鳴
mri @ heart : cmr, cine mri, cardiac mr, cardiac cine, cine mr ; cardio rm, herz mrt, irm cardiaque, 心脏磁共振
ultrasound : ultrasound, ultrasounds, ultrasonography, ultrasonic, sonogram, sonograms, sonography, echography,
    echo, doppler, US ; ecografia, ecografico, ultrasonido, ultraschall, ultraschallbild, sonographie, sonografie,
    echographie, ultrassom, ultrassonografia, 超声, 超音波, b超, 彩超, エコー
ultrasound @ heart : echocardiogram, echocardiography, echocardiographic, heart ultrasound, TTE, TEE ;
    ecocardiograma, ecocardiografia, echokardiographie, echokardiogramm, echocardiographie, 超声心动图, 心脏超声,
    心エコー
ultrasound @ breast : breast echo, breast us ; mammasonographie, 乳腺超声, 乳房超声, 乳房超音波
dermoscopy @ skin : dermoscopy, dermoscopic, dermatoscopy, dermatoscope, dermatoscopic, dermoscope, epiluminescence
    microscopy, skin photo, skin photograph, clinical skin photo ; dermatoscopia, dermatoscopico, dermoscopia,
    dermatoskopie, dermatoskopisch, dermoskopie, auflichtmikroskopie, dermoscopie, dermatoscopie, 皮肤镜,
    皮肤镜图像, ダーモスコピー
fundus @ eye : fundus, fundus photo, fundus photograph, fundus photography, fundus image, color fundus, colour
    fundus, color fundus photography, colour fundus photography, cfp, retinal photo, retinal photograph, retinal
    image, ophthalmoscopy, fundoscopy, funduscopy, retinography, ocular fundus, retinal scan, fundus picture ;
    retinografia, fondo de ojo, imagen de fondo de ojo, fundusbild, fundusfoto, fundusaufnahme, augenhintergrund,
    fond d oeil, retinographie, fundo de olho, 眼底照片, 眼底图像, 眼底图, 眼底照相, 眼底写真, 眼底画像
oct @ eye : oct, optical coherence tomography ; tomografia de coherencia optica, optische koharenztomographie,
    光学相干断层扫描, 光干渉断層計
endoscopy : endoscopy, endoscopic, endoscope, endoscopic image, laryngoscopy, bronchoscopy, cystoscopy ; endoscopia,
    endoskopie, endoskopisch, endoscopie, 内镜, 内窥镜, 内視鏡
endoscopy @ colon : colonoscopy, colonoscopic, coloscopy, sigmoidoscopy, colonoscopy frame, colonoscope ;
    colonoscopia, koloskopie, koloskopiebild, darmspiegelung, coloscopie, colonoscopie, 结肠镜, 肠镜, 大腸内視鏡,
    下部内視鏡
endoscopy @ stomach : gastroscopy, upper endoscopy, gastroscope ; gastroscopia, gastroskopie, magenspiegelung,
    gastroscopie, 胃镜, 胃カメラ
capsule endoscopy @ small bowel : capsule endoscopy, video capsule ; capsula endoscopica, kapselendoskopie, 胶囊内镜
pet : pet, pet scan, positron emission tomography, fdg, pet ct, spect, scintigraphy, bone scan ; tomografia por
    emision de positrones, szintigraphie, scintigraphie, gammagrafia, 正电子发射断层扫描, ペット検査
histology : histology slide, histopathology, histopathology slide, pathology slide, whole slide image, biopsy,
    biopsies, microscopy, microscope, micrograph, blood smear, smear, cytology, h e stained, h e slide ;
    histopatologia, histologia, microscopia, biopsia, mikroskopie, biopsie, microscopie, 病理切片, 病理图像, 显微镜,
    病理画像, 顕微鏡
angiography : angiography, angiogram, dsa, fluoroscopy, venography ; angiografia, angiographie, 血管造影
photo : clinical photo, smartphone photo, intraoral photo
ecg : ecg, ekg, electrocardiogram, eeg ; electrocardiograma, elektrokardiogramm, 心电图, 心電図
"""
