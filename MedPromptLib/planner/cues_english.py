"""The cues of English requests, in the line format that `cues` explains."""

from __future__ import annotations

ENGLISH = """
POLITE : status post, status quo, it if you could, if you can, if you could, if possible, if you do not mind, if you
    please, if needed, if necessary, if you would, if you like, if available, when you can, when you have time, when
    possible, as soon as possible, if feasible, if at all possible, when you get a chance, if you want, if you may, if
    you have time, when you get a minute, when you have a minute, when you get the chance, no rush, not urgent, no
    hurry, whenever convenient, when convenient, when it suits you, or not, only then, and only then, if it is not too
    much trouble
ALLBUT : everything but, all but, everything except, everything except for, all except, everything apart from,
    everything other than, anything except
SEG.v : segment, segments, segmenting, delineate, delineates, delineating, outlining, contouring, tracing, draw round,
    drawing round, drawing around, draw a line round, draw a line around, highlight,
    highlighting, extract, extracting, isolate, isolating, annotate, annotating, draw, draw around, drawing, circle,
    circling, carve out, carving out, pick out, colour in, color in, colouring in, paint over, paint, painting, shade,
    shade in, demarcate, demarcating, encircle, auto contour, autocontour, auto segment, autosegment, show me where,
    show where, where is, where are, where exactly, where does, where do, masking, mark, mark out, marking, cut out,
    map, map out, mapping, crop out, tell me where, label the voxels, ring, lasso, locate, localise, localize,
    pinpoint, locating, how big, how big is, how big are, how large, how large is, how large are, what size is, what
    size are
SEG.vn : outline, outlines, contour, contours, mask, masks, trace
SEG.n : segmentation, segmentations, seg, delineation, delineations, boundary, boundaries, border, borders, shape,
    silhouette, volume of interest, region of interest, roi, voi, perimeter, edges, extent, label map, labelmap,
    annotation, binary mask, segmentation model, segmentation mask, borderline, extraction
SEG.p : segmented, outlined, contoured, delineated, masked, traced, highlighted, extracted, cropped, circled,
    isolated, annotated
CLS.v : look, have a look, take a look, examine, examining, inspect, analyse, analyze, analysing, analyzing, review,
    classify, classifies, classifying, categorise, categorize, diagnose, diagnosing, screen, screens, screening,
    determine, determining, assess, assessing, evaluate, evaluating, verify, confirm whether, confirm or exclude,
    exclude or confirm, confirm or rule out, decide, decide whether, establish, establishing, rule out, exclude the
    presence of, rate, distinguish, differentiate, tell, tell me, tell me if, tell me whether, whether or not, say if,
    say whether, say, let me know, know whether, know if, see if, see whether, is there, are there, is this, is that,
    is it, are these, does, do you see, could this, could it, can you see, suspect, predict, work up, characterise,
    characterize, any sign of, any signs of, any evidence of, any, would you call, have i got, has this, what, what
    about, which, whether, test whether, judge, investigate, tell apart, warn me, alert me, notify me, inform me,
    flag, flag it, flag this, say so, report it, mention it, find out, find out whether, find out if
CLS.vn : check, checks, test, tests, read, screen, report on
CLS.n : classification, classifications, classifier, diagnosis, diagnoses, detection, assessment, evaluation, reading,
    screening, workup, work up, check up, detector, verdict, prediction, opinion, classification model,
    identification, analysis, prognosis, checking, testing, finding, status
CLS.p : checked, classified, assessed, tested, evaluated, screened, graded, staged, categorised, categorized, rated
SOFT.v : detect, detecting, identify, identifying, find, finding, look for, looking for, search for, searching for,
    locate, locating, localise, localize, spot the, recognise, recognize, check for, checking for, check whether,
    check if, have a look for, show, visualise, visualize, scan for
RUN.v : run, running, do, doing, perform, performing, produce, generate, create, make, give, give me, get, get me,
    need, want, would like, like, provide, compute, apply, use, execute, return, grab, obtain, start, carry out,
    deliver, prepare, i need, i want, what i need is, what i want is, what i would like is, what i after, what i after
    is, what i am after is, is what i after, i after, all i need is, all i want is, all i need, all i missing, could i
    have, i would love, i love, love, appreciate, follow up with, follow up, proceed, proceed to, go ahead, add,
    include, repeat for, should i, should you, you should, process
OTHER.v : measure, measuring, quantify, count, counting, register, registering, align, denoise, denoising, convert,
    converting, book, schedule, send, email, mail, delete, erase, prescribe, estimate, compare, reconstruct, enhance,
    sharpen, upload, download, anonymise, anonymize, deidentify, resample, rotate, export, save, invent, summarise,
    summarize, calculate, track, print, forward, call, order, dictate, forecast, foretell, draft, render, smooth,
    inpaint, interpolate, crop, resize, share, publish, install, buy, explain, describe, write, write me, email me,
    score, stitch, deface, superimpose, overlay, treat, operate, biopsy the, remove, simulate, report the volume,
    refer, phone, fax, archive, back up
GRADE.v : grade, grading, stage, staging
META.v : ignore your, ignore all, ignore previous, ignore the above, ignore the previous, ignore everything, ignore
    these, ignore this json, disregard your, disregard all, disregard the above, disregard previous, disregard the
    catalogue, disregard the catalog, disregard the previous, forget everything above, forget everything, forget your,
    forget all, forget previous, you are now, you are a, act as, new rule, new rules, new instruction, system prompt,
    your prompt, your instructions, your system, password, api key, api keys, respond only, respond with, reply with,
    reply only, answer only with, output exactly, output the, as a developer, authorise you, authorize you, override,
    overriding, note to the ai, note to ai, dear ai, always answer, always say, always return, pretend, roleplay, role
    play, jailbreak, developer mode, execute os, os system, rm rf, curl, sudo, shell, treat every request, hacked,
    pwned, bypass, disable the safety, environment variables, reveal, your rules, your guidelines, drop table
STORY.v : translate, translation of, repeat the word, repeat the, tell me a story, story, poem, joke, song, write a
    story, write a poem, discharge letter, referral letter, letter, essay, haiku, dose, dosage, dosing, prescription,
    amoxicillin, antibiotic, which drug, what drug, medication, treatment, weather, world cup, survival, life
    expectancy, appointment, spell, lyrics, definition of, define, what causes, what is the meaning, side effects,
    wikipedia, how do i treat, how is, explain what, explain how, capital of
IF : once, if, if and when, when, whenever, in case of, in case, in the case of, in case the, in the event that, in
    the event of, in cases of, provided, provided that, providing, assuming, assuming that, given that, as long as, so
    long as, on condition that, only if, only when, if and only if, only in case, only in case of, only in cases of,
    but only if, but only when, but only for, only in, only for, just for, just in, just in those instances where, in
    those instances where, in those cases where, only where, only once, depending on, contingent on, conditional on,
    upon confirmation of, upon confirmation, upon, once confirmed, suppose, supposing, supposing that, in positive
    cases only, even if, where there is, in patients with, follow up if, in which case, should it, should there, as
    soon as, subject to, on finding, after confirming, if only, and only if, but only in, only after confirming
IFPOS : where one is found, where found, where one is present, if one is found, when one is found, in positive cases,
    in positive cases only, in the positive case, in a positive case, if it is positive then, if this is the case, if
    that is the case, in that case, if so, if yes, if it is, if there is, if there are, if it does, if present, if
    they are, if found, if it is there, if one is present, if true, in this case, if any, if any is found, where
    positive, upon confirmation then, when so, if confirmed, if detected
IFNEG : in the negative case, in a negative case, if this is not the case, if that is not the case, if not, if no, if
    it is not, if there is not, if it does not, if none, if there is none, failing that, if absent, without one,
    without any, if there is none of it, where there is none, when there is none, if nothing is found, in negative
    cases, where negative, if false
UNLESS : unless, except if, except when, except in case of, if not for, save if, other than if, excluding cases of,
    except for cases of, but not if, but not when, not if, not when
ELSE : the rest, all the rest, in all others, all others, all the others, for the rest, for all others, the others,
    everyone else, anything else than that, any other result, with any other result, any other grade, any other class,
    any other, in any other, otherwise, else, or else, if otherwise, alternatively, in all other cases, in any other
    case, in the other case, in the opposite case
THEN : when you are done, when you are done with, when done, when done with, when finished, once finished, after you
    are done, when you have finished, once you are done, once you are done with, when that is done, when ready, then,
    next, afterwards, after that, subsequently, finally, lastly, followed by, and then, first, firstly, secondly,
    thirdly, second step, last, once that is done, once done, separately, also, as well, too, in addition,
    additionally, furthermore, before that, thereafter
AFTER : after, having, once you have, once you ve
REGARDLESS : regardless, come what may, whatever is found, whatever it shows, whatever you find, whatever comes out,
    whatever the outcome, whatever the finding, whatever the answer, whichever it is, in every case, one way or the
    other, irrespective, in any case, either way, anyway, whatever the result, no matter what, in all cases, always,
    unconditionally, independently, whatever happens, independent of that, irrespective of both, regardless of the
    result, no matter the result
NEG : scrap, scrap the, ditch, no point, no point in, no use, do not bother with, do not bother, do not care about,
    not bothered about, needn, not, do not, without, skip, skipping, omit, omitting, instead of, rather than, leave
    out, leaving out, leave, forget, forget about, ignore, disregard, never mind, nevermind, nothing about, hold off,
    hold off on, no need, no need for, no need to, need not, not need, exclude, excluding, spare me, avoid, except,
    except for, but not, apart from, other than, minus, already have, already got, i have already, have already, no,
    neither, nor, and not, not the, never, drop, cancel, cancel the, do not need, do not want, save for, forgo, bar,
    as opposed to, stop short of, aside from, not interested in, refrain from, in place of, free of charge, non
POSTNEG : can wait, not needed, is not needed, are not needed, unnecessary, not required, is not required, is
    unnecessary, not necessary, is not necessary, are not necessary, alone, aside, excluded, is irrelevant, are
    irrelevant, does not matter, do not matter, does not interest me, not wanted, off limits, not of interest, of no
    interest, is of no interest, are of no interest, of no concern, is of no concern, are of no concern, of no use, is
    of no use, are of no use, of no importance, is of no importance, of no relevance, is of no relevance, not
    relevant, is not relevant, are not relevant, no concern of mine, is no concern of mine, no longer needed, is no
    longer needed, are no longer needed, not my concern, is not my concern, is no longer of interest, not asked for,
    is not asked for, are not asked for, is not wanted, are not wanted, is not of interest, are not of interest, is
    not what i need, is not what i want, no longer of interest
CANCEL : forget it, scrap it, changed my mind, i have changed my mind, or rather, or better, actually no, no wait,
    scratch that, on second thought, on second thoughts, wait no, correction, cancel that, i changed my mind, i mean,
    strike that, no sorry, sorry no, forget that, never mind that, actually just, actually, oops
ONLY : nothing but, anything but, only, just, simply, solely, merely, exclusively, alone just, nothing else, nothing
    more
BUT : but, however, yet, though
POS : positive, yes it is, fires, triggers, abnormal, suspicious, suspected, suspicion, affirmative
SEEN : detected, found, seen, present, there, visible, confirmed, identified, observed, shown, diagnosed, evident,
    exists, exist, shows, suggests, has, have, one, visualised, comes back, came back, turns out, is there, detects,
    finds, indicates, reveals, signs of, signs, likely
NEGRES : intact, undamaged, unharmed, unlikely, improbable, empty, excluded, been excluded, been ruled out, not
    likely, negative, absent, clear, normal, healthy, ruled out, excluded by, unremarkable, not present, free,
    missing, clean, unaffected, disease free, fails
YES : yes, yeah, affirmative
MAL.benign : benign, harmless, innocent, non malignant, noncancerous, not cancerous, non cancerous, begnin
MAL.malignant : malignant, malignancy, cancerous, is dangerous, malignancies
ASPECT.type : type, types, subtype, subtypes, kind, kinds, sort, category, what it is, entity
ASPECT.grade : severity, grading, staging, how severe, how bad, how badly, how severely, how advanced, how far gone,
    how far advanced, how serious, how worn, how worn out, how far has, severity score, extent of disease
ASPECT.histology : histology, histological, histologic, adenomatous, hyperplastic, serrated, histopathological,
    molecular, idh, mutation, stage
ASPECT.measure : tortuosity, diameter, how many, length, thickness, density, ejection fraction, perfusion, stiffness,
    elastography, hounsfield, ratio, growth rate, how long, bone age, cardiothoracic ratio, cardiothoracic index,
    mineral density, tortuosities, curvature, width
PRON : it, them, its, their, they, this one, that one, the same, these, those, itself, the result
BOTH : both, all of them, all of these, all three, each of them, both of them, the two, each, either
ALL : everything, everything you have, everything you can, all models, every model, all the models, all weights, all
    classifiers, all segmentations, all diseases, all possible diseases, all possible infections, all pathologies, all
    abnormalities, any disease, all findings, all structures, all organs, every structure, every organ, all available,
    anything you can, whatever you have, whatever you can, all you have, all possible findings, every disease, every
    classifier, every segmentation, every segmentation model, all segmentation models, all classification models,
    every test, each model, every weight, all the classifiers, everything possible, the full work up, all tests, all
    the tests, all you can
NOTHING : nothing, we are done, we done, we can stop, stop there, stop here, nothing further, no further action, do
    nothing, stop, anything, anything else, any, nothing found, nothing else, none, no further, end, leave it, all
    good, no action
AND : and, plus, as well as, along with, together with, with, besides, in addition to, followed by, including, &, +,
    versus, vs, /
OR : or, and or
PREP : in order, in order to, in, of, on, within, inside, from, at, into, onto, over, under, using, for, by
NEAR : round, near, next to, adjacent to, behind, around, beside, close to, surrounding, outside
EVID : such as, pointing to, suggesting, suggestive of, due to, caused by, indicating, indicative of, consistent with,
    compatible with, because of, owing to, as in, typical of, secondary to
SIZE : larger than, bigger than, greater than, more than, at least, exceeds, exceeding, over, above, larger, bigger,
    not smaller than
IMG : treatment planning, for treatment planning, radiotherapy planning, image, images, scan, scans, picture,
    pictures, photo, photos, studies, view, views, pics, recording, photograph, photographs, frame, frames, volume,
    volumes, study, exam, examination, series, slice, slices, dataset, case, pic, imaging, images please, file,
    snapshot, foto, fotos, img, xrays
DESERVES : means, mean, deserves, deserve, warrants, needs, requires, merits, justifies, gets, get, receive, receives,
    calls for, should be, is to be, are to be
"""
