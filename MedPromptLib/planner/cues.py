"""Words that carry the grammar of a request, in each language: verbs, conditions, negations, results, conjunctions.

A line is `KIND.form : phrases`. The kinds are explained in `KINDS`; forms of verbs are `v` (finite or gerund), `n`
(noun), `vn` (either, by position) and `p` (participle).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from .text import fold, unfolded

KINDS = {
    "SEG": "asks for a mask",
    "SEGIT": "asks for a mask of what was mentioned",
    "CLS": "asks for a label",
    "SOFT": "find, locate: a mask for anatomy, a label for findings",
    "RUN": "do, give, run: opens a clause, says nothing more",
    "OTHER": "an action no weight performs",
    "META": "addresses the program, not the image",
    "IF": "opens a condition",
    "UNLESS": "opens a negated condition",
    "ELSE": "the opposite of the last condition",
    "CONDEND": "closes a condition that stands before it",
    "NEGCONDEND": "closes a negated condition",
    "THEN": "the next step",
    "REGARDLESS": "ends conditions",
    "NEG": "leaves out what follows",
    "POSTNEG": "leaves out what stands before",
    "CANCEL": "takes back what was asked",
    "ONLY": "only",
    "BUT": "ends a negation",
    "POS": "a positive result",
    "SEEN": "present, found",
    "NEGRES": "a negative result",
    "YES": "yes",
    "NO": "no",
    "MAL": "benign or malignant",
    "ASPECT": "which property is asked",
    "PRON": "it, them",
    "BOTH": "both, all of them",
    "ALL": "everything",
    "NOTHING": "nothing",
    "AND": "and",
    "OR": "or",
    "PREP": "in, of, on",
    "NEAR": "next to",
    "FOR": "for",
    "IMG": "an image of unnamed kind",
    "EVID": "sign of, suggesting",
    "SIZE": "larger than",
    "QUESTION": "opens a question",
    "DESERVES": "deserves, needs",
    "POLITE": "says nothing",
    "ALLBUT": "everything except",
}

ENGLISH = """
POLITE : it if you could, if you can, if you could, if possible, if you do not mind, if you please, if needed, if
    necessary, if you would, if you like, if available, when you can, when you have time, when possible, as soon as
    possible, if feasible, if at all possible, when you get a chance, if you want, if you may, if you have time, or
    not, only then, and only then, if it is not too much trouble
ALLBUT : everything but, all but, everything except, everything except for, all except, everything apart from,
    everything other than, anything except
SEG.v : segment, segments, segmenting, delineate, delineates, delineating, outlining, contouring, tracing,
    highlight, highlighting, extract, extracting, isolate, isolating, annotate, annotating, draw, draw around,
    drawing, circle, circling, carve out, carving out, pick out, colour in, color in, colouring in, paint over,
    paint, painting, shade, shade in, demarcate, demarcating, encircle, auto contour, autocontour, auto segment,
    autosegment, show me where, show where, where is, where are, where exactly, where does, where do, masking, mark,
    mark out, marking, cut out, map, map out, mapping, crop out, tell me where, label the voxels, ring, lasso,
    locate, localise, localize, pinpoint, locating
SEG.vn : outline, outlines, contour, contours, mask, masks, trace
SEG.n : segmentation, segmentations, seg, delineation, delineations, boundary, boundaries, border, borders, shape,
    silhouette, volume of interest, region of interest, roi, voi, perimeter, edges, extent, label map, labelmap,
    annotation, binary mask, segmentation model, segmentation mask, borderline, extraction
SEG.p : segmented, outlined, contoured, delineated, masked, traced, highlighted, extracted, cropped, circled,
    isolated, annotated
CLS.v : look, have a look, take a look, examine, examining, inspect, analyse, analyze, analysing, analyzing, review,
    study, classify, classifies, classifying, categorise, categorize, diagnose, diagnosing, screen, screens,
    screening, determine, determining, assess, assessing, evaluate, evaluating, verify, confirm whether, confirm
    or exclude, exclude or confirm, confirm or rule out, decide,
    decide whether, establish, establishing, rule out, exclude the presence of, rate, distinguish, differentiate,
    tell, tell me, tell me if, tell me whether, whether or not, say if, say whether, say, let me know, know whether,
    know if, see if, see whether, is there, are there, is this, is that, is it, are these, does, do you see, could
    this, could it, can you see, suspect, predict, work up, characterise, characterize, any sign of, any signs of,
    any evidence of, any, would you call, have i got, has this, what, what about, which, whether, test whether,
    judge, investigate, tell apart, find out, find out whether, find out if
CLS.vn : check, checks, test, tests, read, screen, report on
CLS.n : classification, classifications, classifier, diagnosis, diagnoses, detection, assessment, evaluation,
    reading, screening, workup, work up, check up, detector, verdict, prediction, opinion, classification model,
    identification, analysis, prognosis, checking, testing, finding
SOFT.v : detect, detecting, identify, identifying, find, finding, look for, looking for, search for, searching for,
    locate, locating, localise, localize, spot the, recognise, recognize, check for, checking for, check whether,
    check if, have a look for, show, visualise, visualize, scan for
RUN.v : run, running, do, doing, perform, performing, produce, generate, create, make, give, give me, get, get me,
    need, want, would like, like, provide, compute, apply, use, execute, return, grab, obtain, start, carry out,
    deliver, prepare, i need, i want, follow up with, follow up, proceed, proceed to, go ahead, add, include, repeat
    for, should i, should you, you should, process
OTHER.v : measure, measuring, quantify, count, counting, register, registering, align, denoise, denoising, convert,
    converting, book, schedule, send, email, mail, delete, erase, prescribe, estimate, compare, reconstruct,
    enhance, sharpen, upload, download, anonymise, anonymize, deidentify, resample, rotate, export, save, invent,
    summarise, summarize, calculate, track, print, forward, call, order, dictate, draft, render, smooth, inpaint,
    interpolate, crop, resize, share, publish, install, buy, explain, describe, write, write me, email me, score,
    stitch, deface, superimpose, overlay, treat, operate, biopsy the, remove, simulate, report the volume, refer,
    phone, fax, archive, back up
GRADE.v : grade, grading, stage, staging
META.v : ignore your, ignore all, ignore previous, ignore the above, ignore the previous, ignore everything, ignore
    these, ignore this json, disregard your, disregard all, disregard the above, disregard previous, disregard the
    catalogue, disregard the catalog, disregard the previous, forget everything above, forget everything, forget
    your, forget all, forget previous, you are now, you are a, act as, new rule, new rules, new instruction, system
    prompt, your prompt, your instructions, your system, password, api key, api keys, respond only, respond with,
    reply with, reply only, answer only with, output exactly, output the, as a developer, authorise you, authorize
    you, override, overriding, note to the ai, note to ai, dear ai, always answer, always say, always return,
    pretend, roleplay, role play, jailbreak, developer mode, execute os, os system, rm rf, curl, sudo, shell, treat
    every request, hacked, pwned, bypass, disable the safety, environment variables, reveal, your rules, your
    guidelines, drop table
STORY.v : translate, translation of, repeat the word, repeat the, tell me a story, story, poem, joke, song, write a
    story, write a poem, discharge letter, referral letter, letter, essay, haiku, dose, dosage, dosing,
    prescription, amoxicillin, antibiotic, which drug, what drug, medication, treatment, weather, world cup,
    survival, life expectancy, appointment, spell, lyrics, definition of, define, what causes, what is the meaning,
    side effects, wikipedia, how do i treat, how is, explain what, explain how, capital of
IF : once, if, when, whenever, in case of, in case, in the case of, in case the, in the event that, in the event of,
    in cases of, provided, provided that, providing, assuming, assuming that, given that, as long as, so long as, on
    condition that, only if, only when, if and only if, only in case, only in case of, only in cases of, but only
    if, but only when, but only for, only in, only for, just for, just in, just in those instances where, in those
    instances where, in those cases where, only where, only once, depending on, contingent on, conditional on, upon
    confirmation of, upon confirmation, upon, once confirmed, suppose, supposing, supposing that, in positive cases
    only, even if, where there is, in patients with, follow up if, in which case, should it, should there, as soon
    as, subject to, on finding, after confirming, if only, and only if, but only in, only after confirming
IFPOS : where one is found, where found, where one is present, if one is found, when one is found, in positive
    cases, in positive cases only, in the positive case, in a positive case, if it is positive then,
    if this is the case, if that is the case, in that case, if so, if yes, if it is, if there is, if there are, if
    it does, if present, if they are, if found, if it is there, if one is present, if true, in this case, if any, if
    any is found, where positive, upon confirmation then, when so, if confirmed, if detected
IFNEG : in the negative case, in a negative case, if this is not the case, if that is not the case, if not, if no,
    if it is not, if there is not, if it does not, if none, if there is none, failing that, if absent, if nothing is
    found, in negative cases, where negative, if false
UNLESS : unless, except if, except when, except in case of, if not for, save if, other than if, excluding cases of,
    except for cases of, but not if, but not when, not if, not when
ELSE : otherwise, else, or else, if otherwise, alternatively, in all other cases, in any other case, in the other
    case, in the opposite case
THEN : when you are done, when you are done with, when done, when done with, when finished, once finished, after you
    are done, when you have finished, once you are done, once you are done with, when that is done, when ready,
    then, next, afterwards, after that, subsequently, finally, lastly, followed by, and then, first, firstly,
    secondly, thirdly, second step, last, once that is done, once done, separately, also, as well, too, in addition,
    additionally, furthermore, before that, thereafter
AFTER : after, having
REGARDLESS : regardless, irrespective, in any case, either way, anyway, whatever the result, no matter what, in all
    cases, always, unconditionally, independently, whatever happens, independent of that, irrespective of both,
    regardless of the result, no matter the result
NEG : not, do not, without, skip, skipping, omit, omitting, instead of, rather than, leave out, leaving out, leave,
    forget, forget about, ignore, disregard, never mind, nevermind, nothing about, hold off, hold off on, no need,
    no need for, no need to, need not, not need, exclude, excluding, spare me, avoid, except, except for, but not,
    apart from, other than, minus, already have, already got, i have already, have already, no, neither, nor, and
    not, not the, never, drop, cancel, cancel the, do not need, do not want, save for, forgo, bar, as opposed to,
    stop short of, aside from, not interested in, refrain from, in place of, free of charge, non
POSTNEG : can wait, not needed, is not needed, are not needed, unnecessary, not required, is not required, is
    unnecessary, not necessary, is not necessary, are not necessary, alone, aside, excluded, is irrelevant, are
    irrelevant, does not matter, do not matter, does not interest me, not wanted, off limits, not of interest
CANCEL : or rather, or better, actually no, no wait, scratch that, on second thought, on second thoughts, wait no,
    correction, cancel that, i changed my mind, i mean, strike that, no sorry, sorry no, forget that, never mind
    that, actually just, actually, oops
ONLY : nothing but, anything but, only, just, simply, solely, merely, exclusively, alone just, nothing else, nothing
    more
BUT : but, however, yet, though
POS : positive, yes it is, fires, triggers, abnormal, suspicious, suspected, suspicion, affirmative
SEEN : detected, found, seen, present, there, visible, confirmed, identified, observed, shown, diagnosed, evident,
    exists, exist, shows, suggests, has, have, one, visualised, comes back, came back, turns out, is there, detects,
    finds, indicates, reveals, signs of, signs, likely
NEGRES : unlikely, improbable, empty, excluded, been excluded, been ruled out, not likely, negative, absent, clear,
    normal, healthy, ruled out, excluded by, unremarkable, not present, free, missing, clean, unaffected, disease
    free, fails
YES : yes, yeah, affirmative
MAL.benign : benign, harmless, innocent, non malignant, noncancerous, not cancerous, non cancerous, begnin
MAL.malignant : malignant, malignancy, cancerous, is dangerous, malignancies
ASPECT.type : type, types, subtype, subtypes, kind, kinds, sort, category, what it is, entity
ASPECT.grade : severity, grading, staging, how severe, how bad, severity score, extent of disease
ASPECT.histology : histology, histological, histologic, adenomatous, hyperplastic, serrated, histopathological,
    molecular, idh, mutation, stage
ASPECT.measure : tortuosity, diameter, how many, length, thickness, density, ejection fraction, perfusion,
    stiffness, elastography, hounsfield, ratio, growth rate, how big, how large, how long, tortuosities, curvature,
    width
PRON : it, them, its, their, they, this one, that one, the same, these, those, itself, the result
BOTH : both, all of them, all of these, all three, each of them, both of them, the two, each, either
ALL : everything, everything you have, everything you can, all models, every model, all the models, all weights, all
    classifiers, all segmentations, all diseases, all possible diseases, all possible infections, all pathologies,
    all abnormalities, any disease, all findings, all structures, all organs, every structure, every organ, all
    available, anything you can, whatever you have, whatever you can, all you have, all possible findings, every
    disease, every classifier, every segmentation, every segmentation model, all segmentation models, all
    classification models, every test, each model, every weight, all the classifiers, everything possible, the full
    work up, all tests, all the tests, all you can
NOTHING : nothing, do nothing, stop, anything, anything else, any, nothing found, nothing else, none, no further,
    end, leave it, all good, no action
AND : and, plus, as well as, along with, together with, with, besides, in addition to, followed by, including, &, +,
    versus, vs, /
OR : or, and or
PREP : in order, in order to, in, of, on, within, inside, from, at, into, onto, over, under, using, for, by
NEAR : near, next to, adjacent to, behind, around, beside, close to, surrounding, outside
EVID : such as, pointing to, suggesting, suggestive of, due to, caused by, indicating, indicative of, consistent
    with, compatible with, because of, owing to, as in, typical of, secondary to
SIZE : larger than, bigger than, greater than, more than, at least, exceeds, exceeding, over, above, larger, bigger,
    not smaller than
IMG : treatment planning, for treatment planning, radiotherapy planning, image, images, scan, scans, picture,
    pictures, photo, photos, photograph, photographs, frame, frames, volume, volumes, study, exam, examination,
    series, slice, slices, dataset, case, pic, imaging, images please, file, snapshot, foto, fotos, img, xrays
DESERVES : deserves, deserve, warrants, needs, requires, merits, justifies, gets, calls for, should be, is to be,
    are to be
"""

SPANISH = """
SEG.v : segmenta, segmente, segmentar, segmentes, segmentame, segmenten, delimita, delimite, delimitar, contornea,
    contornee, contornear, extrae, extraiga, extraer, marca, marque, marcar, dibuja, dibuje, dibujar, traza, trazar,
    delinea, delinee, delinear, resalta, resaltar, aisla, aislar, donde esta, donde estan, senala, senalar, colorea,
    perfila, perfilar, recorta
SEG.n : segmentacion, mascara, mascaras, contorno, contornos, borde, bordes, delimitacion, silueta
SEG.p : segmentado, segmentada, segmentados, segmentadas
SEGIT : segmentalo, segmentala, segmentalos, segmentalas, contornealo, contorneala, delimitalo, delimitala, marcalo,
    marcala, delinealo, delineala, extraelo, extraela, delimitarlo, segmentarlo, segmentarla
CLS.v : clasifica, clasifique, clasificar, comprueba, compruebe, comprobar, diagnostica, diagnostique, evalua,
    evalue, evaluar, determina, determine, determinar, dime, dime si, digame, hay, existe, es, es este, es esta,
    verifica, verificar, descarta, tiene, de que, cual es, indica si, examina, revisa, revise, analiza
CLS.n : clasificacion, diagnostico, deteccion, evaluacion, prueba, cribado, clasificador
SOFT.v : detecta, detecte, detectar, busca, busque, buscar, identifica, identifique, identificar, encuentra,
    localiza, muestra, muestrame
RUN.v : haz, hazme, dame, quiero, necesito, realiza, genera, crea, ejecuta, obten, haga, produce
OTHER.v : mide, mida, medir, cuenta, registra, envia, borra, traduce, escribe, imprime, calcula, prescribe, estima,
    predice
IF : si, cuando, en caso de, en caso de que, solo si, solamente si, unicamente si, siempre que, siempre y cuando,
    solo cuando, en el caso de que, solo en caso de, si hay, dependiendo de
IFPOS : en caso afirmativo, en tal caso, en ese caso, si es asi, en caso positivo, si lo es, si lo hay, si la hay,
    de ser asi
IFNEG : en caso negativo, si no es asi, si no lo es, si no hay, si no la hay, si no lo hay
UNLESS : a menos que, salvo que, salvo si, excepto si, a no ser que, salvo en caso de
ELSE : de lo contrario, si no, en otro caso, en caso contrario, sino es asi
THEN : luego, despues, entonces, tambien, ademas, primero, finalmente, por ultimo, a continuacion
REGARDLESS : en cualquier caso, de todas formas, de todos modos, independientemente
NEG : no, sin, excepto, salvo, omite, en vez de, en lugar de, ni, no hace falta, tampoco, ignora, olvida, menos,
    nunca
POSTNEG : no hace falta, no es necesario, no es necesaria
ONLY : solo, solamente, unicamente, nada mas
BUT : pero, sino
POS : positivo, positiva, sospechoso, sospechosa, afirmativo, positivos, positivas
SEEN : detectado, detectada, presente, confirmado, confirmada, encontrado, muestra, se ve, se observa, se detecta,
    se encuentra, se confirma, detecta
NEGRES : negativo, negativa, ausente, normal, sano, sana, limpio, limpia, descartado, descartada
YES : si@x
MAL.benign : benigno, benigna, benignos, benignas
MAL.malignant : maligno, maligna, malignos, malignas, malignidad, canceroso, cancerosa
ASPECT.type : tipo, tipos, clase, que tipo, subtipo
ASPECT.grade : gravedad, grado
ASPECT.measure : cuantos, cuantas, tamano
PRON : lo, la@x, este@x, su
BOTH : ambos, ambas, los dos, las dos
ALL : todo, todo lo que tengas, todas las enfermedades, todos los modelos
NOTHING : nada
AND : y, e, asi como, junto con, tambien
OR : o, u, o bien
PREP : en, de, del, dentro de, sobre, con, desde, a, al
IMG : imagen, imagenes, foto, estudio, exploracion, fotografia
"""

GERMAN = """
SEG.v : segmentiere, segmentieren, segmentiert, segmentier, grenze, abgrenzen, umreisse, umreissen, markiere,
    markieren, zeichne, einzeichnen, konturiere, konturieren, extrahiere, extrahieren, umrande, umranden, wo ist, wo
    sind, isoliere, zeige mir wo, wo liegt
SEG.n : segmentierung, segmentation, maske, masken, kontur, konturen, umriss, umrisse, rand, abgrenzung,
    konturierung
SEG.p : segmentierten, segmentierte, segmentierter, maskierten, maskierte
CLS.v : klassifiziere, klassifizieren, prufe, prufen, pruf, uberprufe, uberprufen, diagnostiziere, bestimme,
    bestimmen, beurteile, beurteilen, gibt es, ist, ist dieses, ist dies, ist das, hat, untersuche, untersuchen, sag
    mir, sage mir, ob, liegt, stelle fest, bewerte, teste, testen, zeigt, welcher, welche, was fur, beurteilung
CLS.n : klassifikation, klassifizierung, diagnose, befund, erkennung, beurteilung, test, prufung, screening,
    klassifikator
SOFT.v : finde, finden, erkenne, erkennen, suche, suchen, suche nach, detektiere, identifiziere, lokalisiere, zeige,
    zeig mir, zeige mir
RUN.v : mach, mache, erstelle, erstellen, gib, gib mir, erzeuge, fuhre, brauche, benotige, mochte, berechne mir,
    liefere
OTHER.v : messe, miss, messen, zahle, zahlen, registriere, schicke, losche, ubersetze, schreibe, berechne,
    entrausche, konvertiere, verschreibe
IF : falls, wenn, sofern, sobald, im falle, im fall, nur wenn, nur falls, nur bei, bei nachweis von, im falle von,
    unter der bedingung dass, vorausgesetzt, im falle einer, im falle eines, bei, je nach
IFPOS : falls ja, wenn ja, in diesem fall, falls positiv, wenn positiv, bei positivem ergebnis, bei positivem
    befund, wenn dem so ist
IFNEG : falls nein, wenn nein, wenn nicht, falls nicht, bei negativem ergebnis, bei negativem befund
UNLESS : ausser wenn, ausser falls, es sei denn, ausser bei, sofern nicht
ELSE : sonst, ansonsten, andernfalls, anderenfalls
THEN : dann, danach, anschliessend, zuerst, auch, ausserdem, zudem, schliesslich, zunachst, so, ebenfalls
REGARDLESS : in jedem fall, auf jeden fall, unabhangig davon, so oder so
NEG : nicht, ohne, kein, keine, keinen, ausser, statt, anstatt, anstelle, weder, noch, lass, uberspringe, vergiss,
    ignoriere, keiner, nie, abgesehen von
POSTNEG : nicht notig, nicht erforderlich, weglassen, in ruhe, ist nicht notig, brauche ich nicht
ONLY : nur, lediglich, bloss, ausschliesslich
BUT : aber, sondern, jedoch
POS : positiv, auffallig, verdachtig, positives, positive, positiven
SEEN : vorliegt, vorhanden, gefunden, nachgewiesen, erkannt, sichtbar, besteht, vorliegen, zeigt, ist, bestatigt,
    hat
NEGRES : negativ, unauffallig, gesund, normal, ausgeschlossen, abwesend, negatives
MAL.benign : gutartig, gutartige, gutartiger, benigne, gutartiges
MAL.malignant : bosartig, bosartige, bosartiger, maligne, bosartiges, malignitat
ASPECT.type : typ, art, arten, sorte, welcher typ, typs, subtyp
ASPECT.grade : schweregrad, grad, stadium
ASPECT.measure : wie viele, grosse
PRON : es, ihn, sie, ihr, ihre, ihren, diese@x, davon, dessen, deren
BOTH : beide, beides
ALL : alles, alle modelle, alle krankheiten
NOTHING : nichts
AND : und, sowie, sowie auch, plus, ausserdem
OR : oder
PREP : im, in, auf, am, an, von, vom, aus, der, des, innerhalb, mit, mittels, fur, zu
IMG : bild, bilder, aufnahme, aufnahmen, scan, foto, untersuchung
"""

FRENCH = """
SEG.v : segmente, segmentes, segmentez, segmenter, delimite, delimitez, delimiter, contoure, contourez, contourer,
    trace, tracez, tracer, extrais, extraire, extrayez, dessine, dessinez, marque, marquez, isole, isolez, isoler,
    entoure, entourez, detoure, detourez, detourer, ou est, ou se trouve, ou sont, ou se trouvent, surligne
SEG.n : segmentation, masque, masques, contour, contours, bord, bords, delimitation, detourage
SEG.p : segmente@x, segmentes@x, segmentee, segmentees, masques@x
CLS.v : classe, classez, classer, classifie, classifiez, classifier, verifie, verifiez, verifier, diagnostique,
    diagnostiquez, evalue, evaluez, determine, determinez, determiner, y a t il, il y a, est ce, est il, est elle,
    est, dis moi, dites moi, dis moi si, teste, testez, recherche, recherchez, examine, examinez, analyse, montre t
    elle, montre t il, s agit il, presente
CLS.n : classification, diagnostic, detection, evaluation, depistage, classificateur, analyse
SOFT.v : detecte, detectez, detecter, trouve, trouvez, cherche, cherchez, chercher, identifie, identifiez,
    identifier, repere, localise, localisez, montre, montre moi, montrez moi
RUN.v : fais, faites, donne, donne moi, donnez, veux, voudrais, besoin, lance, lancez, effectue, effectuez, cree,
    genere, produis, faire
OTHER.v : mesure, mesurez, mesurer, compte, comptez, envoie, efface, traduis, ecris, imprime, calcule, calculez,
    estime, recale, convertis
IF : si, quand, lorsque, en cas de, au cas ou, seulement si, uniquement si, a condition que, des que, dans le cas
    ou, uniquement en cas de, seulement en cas de, pourvu que, s il y a, s il, s il s agit, selon
IFPOS : si oui, dans ce cas, si c est le cas, si positif, si positive, le cas echeant, en cas de resultat positif,
    si tel est le cas
IFNEG : si non, si ce n est pas le cas, dans le cas contraire, en cas de resultat negatif, si negatif, si negative
UNLESS : sauf si, a moins que, a moins qu, sauf en cas de, excepte si, sauf s il
ELSE : sinon, autrement, dans le cas contraire
THEN : puis, ensuite, alors, aussi, egalement, d abord, enfin, apres
REGARDLESS : dans tous les cas, quoi qu il en soit, de toute facon
NEG : ne, pas, sans, pas de, sauf, excepte, au lieu de, plutot que, ni, ignore, oublie, aucun, aucune, hormis,
    inutile de, jamais, n
POSTNEG : pas necessaire, n est pas necessaire, inutile, de cote
ONLY : seulement, uniquement, juste, rien d autre, simplement
BUT : mais
POS : positif, positive, suspect, suspecte, positifs
SEEN : presente, present, detectee, detecte, trouve, trouvee, visible, confirmee, confirme, montre, presence,
    constate
NEGRES : negatif, negative, absent, absente, normal, normale, sain, saine, exclue, absence
YES : oui
MAL.benign : benin, benigne, benins, benignes
MAL.malignant : malin, maligne, malins, malignes, malignite, cancereux, cancereuse
ASPECT.type : type, types, quel type, sorte, sous type
ASPECT.grade : gravite, stade, severite
ASPECT.measure : combien, taille
PRON : le@x, la@x, les@x, celui ci, celle ci, elle, lui, leur, son, sa, ses
BOTH : les deux, tous les deux
ALL : tout, tous les modeles, toutes les maladies
NOTHING : rien
AND : et, ainsi que, puis, avec, de meme que
OR : ou, ou bien, soit
PREP : sur, dans, de, du, des, d, a, au, aux, a partir de, en
IMG : treatment planning, for treatment planning, radiotherapy planning, image, images, photo, cliche, examen,
    photographie
"""

PORTUGUESE = """
SEG.v : segmente, segmenta, segmentar, segmentem, delimite, delimitar, contorne, contornar, contorna, delineie,
    delinear, extraia, extrair, marque, marcar, desenhe, desenhar, trace, tracar, isole, isolar, destaque, onde
    esta, onde estao, onde fica
SEG.n : segmentacao, mascara, mascaras, contorno, contornos, borda, bordas, delimitacao
SEG.p : segmentado, segmentada, segmentados, segmentadas
SEGIT : segmenta lo, segmenta la, contorna lo, delimita lo
CLS.v : classifique, classificar, verifique, verificar, verifica, diagnostique, diagnosticar, avalie, avaliar,
    determine, determinar, ha, existe, e este, e esta, diga, diga me, diga se, me diga, cheque, teste, testar,
    rastreie, examine, analise, tem, mostra, confira, qual e, qual o, este, esta
CLS.n : classificacao, diagnostico, deteccao, avaliacao, rastreio, rastreamento, teste
SOFT.v : detecte, detectar, procure, procurar, busque, identifique, identificar, encontre, localize, localizar,
    mostre, ache
RUN.v : faca, me de, de me, quero, preciso, gere, crie, execute, realize, gostaria
OTHER.v : meca, medir, conte, registre, envie, apague, traduza, escreva, calcule, estime, converta
IF : se, caso, quando, em caso de, somente se, apenas se, so se, desde que, no caso de, contanto que, apenas em caso
    de, se houver, se for
IFPOS : em caso afirmativo, nesse caso, se sim, se for o caso, em caso positivo, se positivo, se positiva
IFNEG : em caso negativo, se nao, se nao for, se nao houver
UNLESS : a menos que, a nao ser que, exceto se, salvo se, exceto em caso de
ELSE : caso contrario, senao, do contrario
THEN : depois, em seguida, entao, tambem, alem disso, primeiro, por fim
REGARDLESS : de qualquer forma, em qualquer caso, independentemente
NEG : nao, sem, exceto, em vez de, ao inves de, nem, ignore, esqueca, pule, menos, nunca, nenhum, nenhuma
POSTNEG : nao e necessario, nao e necessaria, nao precisa
ONLY : apenas, somente, so, unicamente
BUT : mas, porem
POS : positivo, positiva, suspeito, suspeita, positivos
SEEN : detectado, detectada, presente, confirmado, confirmada, encontrado, encontrada, houver, tiver, mostrar, for,
    visivel
NEGRES : negativo, negativa, ausente, normal, saudavel, descartado, descartada
YES : sim
MAL.benign : benigno, benigna
MAL.malignant : maligno, maligna, malignidade, canceroso, cancerosa
ASPECT.type : tipo, tipos, subtipo
ASPECT.grade : gravidade, grau, estagio
ASPECT.measure : quantos, quantas, tamanho
PRON : ele, ela, eles, elas, seu, sua
BOTH : ambos, ambas, os dois, as duas
ALL : tudo, todas as doencas, todos os modelos
NOTHING : nada
AND : e, assim como, bem como, junto com
OR : ou, ou entao
PREP : em, no, na, nos, nas, do, da, dos, das, de, com, a, ao, neste, nesta, num, numa
IMG : imagem, imagens, foto, exame, fotografia
"""

EAST_ASIAN = """
SEG.v : 分割出, 分割, 勾画出, 勾画, 勾勒出, 勾勒, 描绘出, 描绘, 标出, 标注出, 标注, 标记出, 标记, 圈出, 提取出,
    提取, 画出, 抠出, 轮廓, 分割结果, 掩膜, 掩码, 在哪里, 在哪, セグメンテーション, セグメント, セグメント化, 抽出,
    輪郭抽出, 輪郭, 描出, マスク, 囲んで, 囲って, トレース, どこにあります, どこですか, どこ, 領域抽出, 塗り
CLS.v : 分类, 分類, 诊断, 診断, 检查, 检测, 筛查, 判断, 判定, 评估, 鉴别, 看看, 看一下, 查一下, 查看, 查, 是否,
    是不是, 有没有, 有无, 存在, 吗, 检测是否, 属于, 告诉我, 調べて, 調べ, 確認して, 確認, 評価, 検査, チェック,
    ありますか, あるか, ですか, でしょうか, かどうか, 見られますか, スクリーニング, 教えて, 是, 識別
SOFT.v : 寻找, 找出, 查找, 发现, 识别, 検出, 探して, 見つけて, 特定
RUN.v : 请, 帮我, 帮忙, 给我, 需要, 想要, 进行, 做, 生成, 运行, 实行, 作成, ください, お願いします, して, を実行
OTHER.v : 测量, 计数, 配准, 去噪, 翻译, 删除, 发送, 预测, 计算, 测定, 計測, 測定, 翻訳, 削除, 送信, 予測, 数えて,
    写诗, 讲故事, 打印, 位置合わせ, ノイズ除去
STORY.v : 天气, 故事, 天気, 系统提示, 密码, パスワード, 治疗方案, 剂量
IF : 如果, 假如, 假设, 若是, 若, 要是, 一旦, 当, 倘若, もし, 只有在, 只有, 仅当, 只在, 仅在
IFPOS : 如果是, 如果有, 是的话, 有的话, はいの場合, もしあれば, その場合
IFNEG : 如果不是, 如果没有, 没有的话, 不是的话, 若无, いいえの場合
UNLESS : 除非
CONDEND : 的话, 的情况下, 时候, なら, ならば, である場合, の場合, 場合, であれば, があれば, あれば, だったら,
    であったら, たら, のとき, のときは, ときは, 時は, 时才, 时则, 时
NEGCONDEND : なければ, ない場合, でない場合, がない場合, がなければ, でなければ, なかったら, 以外の場合, しない限り,
    ない限り
ELSE : 否则, 不然, 要不然, 反之, さもなければ, そうでなければ, それ以外, そうでない場合, 違う場合
THEN : 然后, 接着, 再, 则, 就, 先, 最后, 才, 另外, 次に, その後, まず, それから, 最後に, さらに
REGARDLESS : 无论如何, 不管结果如何, 无论结果, いずれにせよ, 結果に関わらず
NEG : 不要, 不需要, 无需, 不用, 别, 不必, 不, 没有, 没, 无, 除了, 除, 而不是, 跳过, 忽略
POSTNEG : ではなく, じゃなく, 不要です, は不要, しないで, せずに, しなくて, は必要ない, は必要ありません, なしで,
    以外, 除く, 除いて
ONLY : 只需要, 只需, 只要, 只, 仅仅, 仅, だけ, のみ
BUT : 但是, 但, 而是, しかし, ただし, でも
POS : 阳性, 陽性, 阳, 可疑, 异常
SEEN : 存在, 发现, 检出, あり, 見つかった, 認められる, 検出された
NEGRES : 阴性, 陰性, 正常, ない, なし, ありません
YES : はい, 是的
NO : いいえ, 不是
MAL.benign : 良性
MAL.malignant : 恶性, 悪性, 惡性
ASPECT.type : 类型, 种类, 什么类型, 哪种, 種類, タイプ, 類型, 分型
ASPECT.grade : 分级, 分期, 严重程度, 重症度, ステージ
ASPECT.measure : 多少, 大小, 大きさ
PRON : 它们, 它, 其, それ, それら
BOTH : 两者, 都, 両方
ALL : 所有疾病, 所有模型, 全部, 一切, すべて, 全て
NOTHING : 什么都不, 任何东西, 什么也不, 何も
AND : 和, 与, 以及, 及, 还有, 并且, 并, 同时, 也, と, および, 及び, や, それに, また
OR : 或者, 或, 还是, または, あるいは, それとも, か
PREP : 在, 中, 上, 里, 的, の, で, に, を, は, が, から, 这张, 这个, 这颗, 这幅, 这, この, 对, 把, 将
IMG : 图像, 影像, 图片, 照片, 扫描, 图, 片子, 画像, 写真, スキャン
"""

LANGUAGES = {"en": ENGLISH, "es": SPANISH, "de": GERMAN, "fr": FRENCH, "pt": PORTUGUESE, "cjk": EAST_ASIAN}

MARKERS = {
    "en": "as no be been need by or which if when unless otherwise then at him her them their its segment check "
    "classify outline give tell run mask the this that is are of on for if and with check please me from does "
    "there it to image scan a i in an you my was not show whether what find has have only any just",
    "es": "el la los las en esta este por del si hay una un es y dime que con para de no solo quiero favor imagen "
    "nada tiene hazme o comprueba segun ambos su lo al mi",
    "de": "die der das den dem im auf dieses diesem diese falls wenn ist und ein eine einen bitte nicht nur mit ob "
    "gibt es zu des auf kein keine segmentiere zeige ich sowie",
    "fr": "cas en quel delimite le la les sur cette cet ce dans est une un et il y du des si pas "
    "avec moi ou au mais je sinon s l d qu "
    "ne aux segmente montre cherche puis",
    "pt": "o os as na no nas nos em esta este se um uma e ha nao dos da do das com apenas por favor imagem caso "
    "houver segmente qual ao tem pelo raio nesta neste",
}
"""Frequent small words by which the language of a prompt is guessed."""


class Cue(NamedTuple):
    """What a phrase does in a sentence."""

    kind: str
    form: str


@lru_cache(maxsize=8)
def cues(language: str) -> dict[tuple[str, ...], Cue]:
    """Phrases of a language (plus English) and what they do; phrases marked `@x` are left out on purpose."""
    table: dict[tuple[str, ...], Cue] = {}
    names = ["cjk", language] if language == "cjk" else ["cjk", "en", language]
    for name in dict.fromkeys(names):
        if name == language and name not in ("en", "cjk"):
            for foreign in _FALSE_FRIENDS.get(language, "").split():
                table.pop((foreign,), None)
        for line in unfolded(LANGUAGES[name]):
            head, _, phrases = line.partition(" : ")
            kind, _, form = head.strip().partition(".")
            for phrase in map(str.strip, phrases.split(",")):
                if not phrase or phrase.endswith("@x"):
                    continue
                words = tuple(fold(phrase).split())
                earlier = table.get(words)
                if earlier and name == language and name == "en" and earlier.kind != kind:
                    continue
                table[words] = Cue(kind, form)
    return table


_FALSE_FRIENDS = {
    "es": "has no sin a",
    "de": "die so also was hat in an am bar not test rand",
    "fr": "on as a or but ignore mark",
    "pt": "as no a do for mask",
}
"""English cues that mean something else in another language."""


def guess_language(words: list[str], cjk: bool) -> str:
    """`en`, `es`, `de`, `fr`, `pt` or `cjk`, by small words and verbs; English when in doubt."""
    if cjk:
        return "cjk"
    scores = dict.fromkeys(MARKERS, 0.0)
    for word in words:
        for language, markers in _MARKER_SETS.items():
            scores[language] += word in markers
            scores[language] += 1.5 * (language != "en" and word in _verbs(language))
    best = max(scores, key=lambda language: (scores[language], language == "en"))
    return best if scores[best] > scores["en"] else "en"


_MARKER_SETS = {language: frozenset(text.split()) for language, text in MARKERS.items()}


@lru_cache(maxsize=8)
def _verbs(language: str) -> frozenset[str]:
    """Single words that only this language uses for asking, not English ones."""
    found = set()
    for line in unfolded(LANGUAGES[language]):
        if line.startswith(("SEG", "CLS", "SOFT", "IF", "UNLESS", "ELSE")):
            found |= {p.strip() for p in line.partition(" : ")[2].split(",") if " " not in p.strip() and "@" not in p}
    english = {p.strip() for line in unfolded(ENGLISH) for p in line.partition(" : ")[2].split(",")}
    return frozenset(fold(w) for w in found - english)
