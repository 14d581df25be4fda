"""Ordinary words: never corrected as typing errors, never taken for the name of an unknown structure."""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


ORDINARY = word_set(
    """
bay trauma twice once bony probability likelihood odds chances risk stairs stair checked scale structural gradual
before lunch bathroom slipped fell football compartment unenhanced elsewhere namely separate matter cohort trial
research registry paper project sitting lying lie lies underneath beneath hand hands else purpose purposes report
reported reporting surgery planned planning because since former latter whatever however meanwhile besides thanks
regards cheers hello dear morning afternoon evening grandma grandpa granny nan mum mom dad father mother son daughter
wife husband sister brother uncle aunt sake curious 1st 2d 2nd 3d 3rd a ablation able abnormal abnormalities
abnormality about above according accordingly accurate accurately acquired acquisition across active actual actually
acute additional adult affected after again against age aged ago ah ahead ai al algorithm algorithms all almost alone
along already also although always am among an anatomical anatomy ancient and anomalies anomaly another answer answers
any anybody anyone anything ap apart app appear appearance appears application approximately are area areas around
artificial as asap ask asked asking assistant at attach attached attention auto automatic automatically auxiliary
available avoid away axial back bad baseline basic batch be because become bedside been before begin beginning being
believe belong below best better between big bigger biggest binary bit black blob blue body bot both bottom boundary
boy brief briefly bright bring btw but by call called came can candidate cannot careful carefully case cases cause
cavity cc cent center central centre certain cf chance change chart cheers child children chronic chunk clean clear
clearly clinic clinical clinician close closely cm coarse colleague colleagues color colored colour coloured come
comes coming complete completely computer concern concerned concerning condition conditions confident confirm consider
contain contains content contrast control convolutional coronal correct could couple course current currently cut
daily dark data date day days dcm de dear deep definite definitely demand demo demonstration depending description
desired despite detail detailed details diagnostic dicom did different difficult digital dimensional direct directly
dirty disease diseased diseases disorder do doc doctor doctors does doing done dont dot double doubt down dr drawn due
during e each early easily easy eg either el else em emergency en end enhanced enough entire entirety equally
especially et etc evaluate even evening event events eventually ever every everybody everywhere evidence exact exactly
example excellent except exist existing expect expected expert extension extra extremely eyes fact fail failing fairly
false family far fast favor favour feature features feel female few field fields fifth fig figure fill final finally
finding findings fine finish finished first five flag focal focus folder follow following follows followup for form
found four fourth frame free fresh friend from frontal full fully further fyi general get gets getting gimme girl
given gives giving glad go goal goes going gone gonna good got gotta great green grey gross group guess guide guy gy
gz had half hand hands happen happened happening happens happy hard has have having hd he head healthy hello help
helpful hence her here hereby herewith hey hi high him hint hints his history hiya hold homework hope hospital hour
how however huge human i id idea ideally ie if ill illness image imho immediate immediately important in include
includes including incoming indeed indicate indication indications individual inference info inform information
initial initially inner input inside instance instances instantly instead instruction instructions interest interested
interesting into invisible involve irregular is issue it item items its itself job jobs join jpeg jpg just keep kg kid
kind kinda kindly know known la label labels lady large largest las last lat late later lateral latest latter lay le
learning least lecture left lemme less let lets letting level lies life light like likely likewise line list listed
little live lives local located location long look looked looking looks los lot low lower lying ma machine machines
made main mainly major make makes male man manual many map mark marked matter matters may maybe me mean meaning means
meant meanwhile medical medicine meet member mention mentioned mg middle might mild mind mine minor minute minutes ml
mm model models moderate module moment more morning most mostly move mr mrs ms much multiple must my myself name named
near neatly necessary need needed needless needs neither network networks neural new newest next nice nifti night nii
no nobody non none nor normal normally not note notes nothing now nr number numbers object observe obvious obviously
occasion occur of off offer often oh ok okay old older on once one ones only onto open opinion option or order
ordinary organ organs other others our out outcome outcomes outer output oval over overall own p pa page pain painted
pair pairs paper part particular parts pass past path pathology patient patients people per percent perfect perfectly
perform perhaps period peripheral person persons physician piece pixel pixels pixelwise place plain plan plane planes
planning plausible please pls plugin plz png point points poor portable position possible possibly post potential
potentially practice precise precisely prefer preferably prepared presence present pretrained previous previously
prior probable probably problem problems procedure process processing produce product professor program project prone
proof proper properly protocol provide provided purpose purposes put quality query question questions quick quickly
quiet quite radiologist radiology radiotherapy random rather raw ready real really reason recent recently red refer
regard regarding regards region regions regular related relevant reliable remain remaining report reports request
requested require required research resident resolution respect rest result results right risk room rough roughly
round routine row run sagittal said same sample save saw say says scenario scenarios scientific screen second secondly
section see seem seems seen select selected send sends senior sense sent separate separated separately sequence
sequences serious set several severe shadow shall she sheet short should show sick side sign signal significant signs
similar simple simply since sincerely single sir site sits sitting situation six size slice slicer slight slightly
slow small smaller smallest so software some somebody somehow someone something sometimes somewhere soon soonest sorry
sort source space special specific specifically spot spots staff standard start stated status stay step steps still
stop straight strong structure structures student study stuff subject subtle such sudden suffices sufficient suggest
suitable supine suppose sure surface surgeon surgery surgical suspected suspicion suspicious sweet symptom symptoms
system ta table take taken takes taking talk target task tasks teacher teaching team technician tell ten term terms
test text than thank thanks that the their them themselves then therapy there therefore these thesis they thing things
think third this thorough thoroughly those though thought three through thus thx tiff tight time times tiny tissue to
today together told tomorrow tonight too tool top total toward trace tracing trained treat tree trial tried triple
true truly trust try trying turn turned two ty typical ultimately un una under undergo underlying understand unhealthy
unit unknown until unusual up upcoming update upload uploaded upon upper urgent urgently us use used useful user uses
using usual usually various version very via view views visible visual volumetric voxel voxels voxelwise vs wait walk
wall walls wanna want wanted wants ward was wasn watch way ways we week weeks weighted weights well went were what
whatever when where wherever whether which whichever while white who whole whom whose why wide will wise wish with
within without woman wonder wondering word words work workflow working world worried worry worrying worse worst worth
worthwhile would write wrong y yeah year years yellow yes yesterday yet you young your yours yourself zero
    """
)
"""Words of ordinary requests."""

NEIGHBOURS = word_set(
    """
abnormally abs access acme acne acre adder aerial affection air alarm anal analysis aortic arctic arm army arrest ask
asses assess atom atrial attic augment avid axis back ball ban banal band bark basic basis bear beast beasts bell
below best bet bind bladder blade bleeding blending blot board boast bond bone bones bonn boot booth bore born boulder
bowel bowl bowls brain brains bran brand brave brawn bread break breast breath breed breeding brutal bustle but call
can canal cancel cancelled cancels cancer capture card cardinal cardio cards carnival carotene cast cat cavity celery
cell cells cement central cereal chair cheat cheats check checks cheek cheeks chess chest chests chew chick chip chord
chuck clarify class classes classic classify climb clinic clock clod clot code codes colic cologne colon colonel
colonial colons colony color colored cones confusion contact contort contour contours contract contrast control cord
corona coronation cost count course court coved cover covers covert covet crest crisis critic ct cubes cut cyst dark
david dear deck defect defects deflect delusion dense dental dentist desk detail detect determine detest detour
diagnose diagnosis dialysis diary dice direct disc disco dish disk done dose doses drain drastic each ear early eat
echo eco edema effusive effusively elastic elbow ending enema epic etch every factual fair famous fan farm fat fatal
fear feature features feeding feel festive fetal fever field final find fine fist flat foal focus food fool foot ford
formal fracture fund fungus fusion gastric gear get gist glass gloom gone grace grade grain grape green groom guest
gum gums gut guts hair halve hand hard harm hat heading heal heap hear heard heartbeat heartbeats heartburn heartfelt
hearth hearty heat heats heel hell hermit hernia hip hips hire hole holes hose humor humour hustle hut identify
identity infectious infusion injection inspection iris irish iron issue itch jet kidnap kidney kind knee kneel knelt
knew ladder lag lamp land leaver lecture leg legion legions lend lens less lesson lessons let lever levers lice limb
lime limp line liner liners lines lip list lived liven liver livid living log logic loot lord lotion lover lovers
lunch lung lunge lunges lymph madder magic male maps mark mart mask masks masses mast mat measure mellow mending
mental mess messy met metal mice mile mind minus miss mission mist modal mode model modes module modules mold mole
moles moment more moss motion mr ms mucous mule muscle musical mussel mussels nation near neck need needing nerve
nerves nest nestle net never next nice nick nodal node nodes noodle noodles normally norman nose notion novel numb nut
nymph oasis online opera optic optical optics option out outlier outline ovary over overt ovid pair palace pancake
panic pantry paralysis park party pass passion pat pearl peck pelvic penal pending pet petal phone pine pipe pistol
place plague plagues plaque plastic plate pleasure plot pole police policy polite poly polyphonic pot preview
profusion prone pub public rat ration reading recital rectal region rein rejection relic renal rental rest retail
retain retch retina review revue rhyme ribs rice rips river robs rode role root rule rumor rupture salve sand sat scam
scan scant scar scary scat schema scram scream screen seat sediment segment segments sell sells serial serve session
set sever ship shoulder signs signus sinus sketch ski skim skins skip skips skit slim slot smooth smoulder sonar
sonata sonic sonnet spice spike spin spine spins spire spit spleen splendid spline splint sport spot spout sprint
stage stake state steel stoke stole stomach stomp stone store stretch strike stroke strokes task teach tear tears
tease teat tech teen teens teeth tell tense test texture theater theatre thesis thorn thorns threat throat thumb thyme
thymus tip tissue tone tong tongs tongue tongues tonic tonight toot tooth topic topology total towel toxic trace track
tract trade trail train treasure trial trick tropic tuber tubercle tubers tubes tumble tussle tutor twist typhoid typo
ultimate ultra ultraviolet undermine us vagus vain value valve valves vary vassal veil vein veins velvet venal ventral
verify version verve very vessel virtual vision visions vowel waist wand warm wear weasel wet whip wind word wrestle
wrist x xl year yellow yet young zone zones
    """
)
"""Real words one typing error away from a medical one ("lesson" and "lesion"); they are what they say."""

SMALL = word_set(
    """
a al all also am an and any ao are as at au auf aux be bei beim bitte both by can ce ces cet cette con could d da dans
das de del dem den der des did die diese diesem diesen dieser dieses do does dos du each er ein eine einem einen einer
el elle em en es est esta estas este estos et favor for from fur had has have hay he her here hier his how i ich id if
il ill im in is ist it its ive just kindly l la las le les let lets lo los may me mi might mir mit must my na nas
nesta neste no nos not o oder of on only or os ou our para pela pelo please por qu que s se seu shall she should si so
some su sua sur t than that the their them then there these they this those to too um uma un una und une us very von
was we were what when where which who why will with would y you your zu zum zur
    """
)
"""Function words."""
