"""Ordinary words: never corrected as typing errors, never taken for the name of an unknown structure.

The second half lists real words that lie one typing error from a medical one ("lesson" and "lesion").
"""

from __future__ import annotations

ORDINARY = frozenset(
    """
a able about above according across active actual actually acute additional adult after again against age aged ago ah all almost
alone along already also although always am among an ancient and another answer any anybody anyone anything apart appear appears
approximately are around artificial as ask asked asking at attached attention automatic automatically auto available avoid away axial
back bad baseline basic batch be because become been before begin being believe belong below best better between big bit black blue
body both bottom bright bring but by call called came can cannot candidate careful carefully case cases cause central certain change
chance chart chronic clean clearly clinic clinical clinician close closely colleague color colour colored come comes coming complete
completely concern concerned concerning confident confirm consider contain contains content control coronal correct could couple
course current currently cut daily dark data date day days dear deep definite definitely demand depending description desired despite
detail detailed details diagnostic did different difficult digital direct directly dirty disease diseased diseases disorder do doc
doctor doctors does doing done dont doubt down dr due during e each early easily easy either else em emergency end enough entire
especially etc evaluate even evening event ever every everybody evidence exact exactly example except excellent expect expected expert
extra extremely eyes fact fairly false family far fast favour favor feature features feel female few field fields fig figure fill
final fine first five flag focal focus follow following follows for form found four frame free fresh friend from full fully further
general get gets getting girl given gives giving glad go goal goes going gone good got great green grey group guess guide guy had half
hand hands happen happened happy hard has have having he head hello help helpful hence her here hereby hi high him his history hold
hope hospital hour how however huge human i idea ideally if illness image immediate immediately important in include includes including
incoming indeed indicate indication individual inference info inform information initial input inside instance instances instead
instruction instructions interest interested interesting into involve is issue it item items its itself job jobs join just keep kid
kind kindly know known label labels lady large last late later latest latter lay least left less let lets letting level life light like
likely line list listed little live lives local long look looked looking looks lot low lower ma made main mainly major make makes male
man manual many map mark may maybe me mean meaning means meant medical medicine meet member mention mentioned might mild mind mine minor
minute minutes model models moderate moment more morning most mostly move mr mrs ms much multiple must my myself name named near need
needed needs neither new newest next nice night no nobody non none normal normally nor not note notes nothing now number numbers
object observe obvious obviously occur of off offer often oh ok okay old older on once one ones only onto open opinion option or order
ordinary other others our out output over overall own page pain part particular parts past path pathology patient patients people per
perfect perfectly perform perhaps period person persons physician piece pixel pixels place plain plan plausible please pls plz point
points poor possible possibly post potential potentially practice precise precisely preferably prefer prepared presence present
previous previously prior probable probably problem problems procedure process processing produce product professor program project
proper properly provide provided purpose purposes put quality query question questions quick quickly quiet quite radiologist
radiology random rather raw ready real really reason recent recently red refer regard regarding region regions regular related relevant
reliable remain report reports request requested require required research resident resolution respect rest result results right risk
room routine row run sagittal said same sample save saw say says scientific screen second secondly section see seem seems seen select
selected send senior sense separate separated serious set several severe shall she sheet short should show side sign significant
signs similar simple simply since single sir site sits situation six size slice slight slightly slow small so software some somebody
somehow someone something sometimes soon sorry sort source space special specific specifically staff standard start stated status stay
step steps still stop straight structure structures student study stuff subject subtle such sudden suffices sufficient suggest suitable
suppose sure surgeon surgery surgical surface suspected sweet system table take taken takes taking talk target task tasks teacher team
technician ten term terms test text than thank thanks that the their them themselves then there therefore these they thing things think
this those though thought three through thus time times tiny tissue to today together tomorrow tonight too tool top total toward treat
tried true truly trust try trying turn turned two typical under underlying undergo understand unit unknown until unusual up upcoming
update upload upon urgent urgently us use used useful user uses using usual usually various version very via view views visible visual
voxel voxels wait walk want wanted wants was wasn watch way ways we week weeks well went were what whatever when where whether which
while white who whole whom whose why wide will wise wish with within without woman wonder wondering word words work working workflow
world worried worry worse worst worth would write wrong yeah year years yellow yes yesterday yet you young your yours yourself zero
accurate accurately area areas auxiliary boy child children attach binary boundary pixelwise voxelwise neatly separately tight rough
roughly coarse thorough thoroughly brief briefly double triple pair pairs whichever wherever suspicious concerning urgent acquired
acquisition contrast enhanced weighted sequence sequences plane planes protocol resolution supine prone frontal lateral portable bedside
hd gross entire complete whole outer inner big bigger biggest small smaller smallest large largest remaining affected abnormal
abnormality abnormalities anomaly anomalies anatomy anatomical organ organs finding findings condition conditions ai assistant bot
computer machine machines app application slicer plugin extension weights network networks algorithm algorithms module clinic ward
planning ablation surgery radiotherapy therapy follow up followup thesis paper homework lecture teaching demo demonstration trial
tell told gonna wanna gotta lemme gimme kinda thx ty asap fyi btw imho hey hiya cheers ta sits lies located location position
signal appears looks sitting lying shadow spot spots dot blob bit chunk tree cavity wall walls whole unhealthy ill sick healthy
mg ml mm cm cc kg gy per cent percent p pa ap lat id no nr vs eg ie cf et al de la le en y el los las un una
concern proof indication indications sign signs trace symptom symptoms hint hints suspicion appearance visible clear strong
binary simple colored drawn tracing painted coloured marked trained pretrained deep learning network convolutional neural
instances instance occasion event events scenario scenarios situation outcome outcomes answer answers upload uploaded attached
nii dicom nifti png jpg jpeg tiff dcm gz folder volumetric three dimensional 3d 2d kindly dear colleagues team regards sincerely
begin beginning finish finished finally eventually meanwhile overall ultimately accordingly hereby herewith likewise equally
regular irregular round oval visible invisible proper properly exact matter matters happens happening exist existing
necessary needless worthwhile inner outer middle center centre central peripheral upper lower entirety everywhere somewhere
particular attention carefully proper worry worrying cut off turn up go ahead come back pass fail failing sends sent
quickly instantly asap immediately soonest latest first second third fourth fifth 1st 2nd 3rd initial initially
    """.split()
)
"""Words of ordinary requests."""

NEIGHBOURS = frozenset(
    """
lesson lessons liver river lover lovers lived living liven skip skips skit ski skim skins spin slim chess cheat chew cheats guest beast
beasts boast bread break breath breed brand bran brawn brave grain drain train brains heat heats hear heard heap hearth heartbeat
heartbeats heartburn heartfelt board lunge lunges lung lunch tongs colony colonel colons cologne cancel cancels cancelled cancer
modules module model noodle noodles rental retail retain retina detail lens lend tense dense mess moss pass miss less masses messy stole
stone store stoke strike stroke strokes tumble rumor humor humour tutor spleen spline splendid kidney kidnap bladder blade ladder
madder adder hip hips ship whip tip chip lip rips ribs robs bone done gone tone zone bond bonn bore born breast chest chests crest arrest
vein vain veins rein veil nerve serve nerves verve never cell call sell tell ball bell celery cells sells musical muscle mussel hustle
bustle hearty party poly polyphonic policy police polite optics option optical opera disco disc dish disk desk dose doses nose hose
mole more mode mile male pole hole role mold moles rule mule holes liners lines liner living leaver lever levers fever never sever
vision visions version fusion lessons session legion legions region lotion motion notion nation ration passion mission injection
inspection rejection affection infectious tract track trace trick trade thorn thorns throat threat theatre theater aerial serial cereal
virtual ventral dental mental rental central dentist plate plaque plague plagues place palace pancake pantry panic cardinal cardio card
cards carnival carotene corona coronation colonial festive fetal metal petal fatal total hernia hermit cyst cost cast mist fist list
gist test rest best nest clot slot plot blot clock clod edema enema schema effusive effusively fusion profusion infusion confusion
delusion fracture factual feature features texture lecture capture rupture tear year dear bear fear gear near wear teat tease teach
seat tooth booth smooth teeth teen teens tech tissue issue tear tears gloom groom sinus minus signs signus tonight ultra ultimate
ultraviolet sonar sonic sonata sonnet x xl echo each etch itch retch eco scan scar scat scam scram scant scary can ban fan
contact contort contour contours contract contrast control count court course detour outline online outlier out line mask task ask
mark bark park dark mart mast masks maps sketch stretch segment segments sediment cement moment augment check cheek chick checks
cheeks chuck clinic class glass classify clarify class classes detect defect direct deflect detest defects screen scream green
diagnose diagnosis dialysis analysis paralysis assess access asses verify very vary determine undermine review revue preview
identify identity find fund bind wind kind mind fine field grade trade grace grape stage stake state store measure pleasure treasure
ending mending pending blending bleeding breeding feeding reading heading needing abs arm harm farm warm alarm army leg let lag log
limp lamp limb climb thumb numb iron brain back neck deck peck nick next heel hell heal steel feel hand band land sand wand hard
hair pair chair fair air hire fat cat eat sat flat hat mat pat rat atom axis oasis basis crisis thesis iris irish pelvic public topic
tonic toxic colic relic basic gastric plastic drastic elastic classic magic logic epic optic tropic aortic arctic attic critic
normally formal norman tubes tuber tubers cubes tubercle typhoid typo topology thymus thyme rhyme mucous focus fungus famous vagus
valve value valves salve halve velvet vessel vassal nestle mussels weasel tussle wrestle wrist waist twist mist foot boot food root
loot toot fool foal knee kneel knew knelt need shoulder boulder smoulder elbow below mellow yellow spine spice spire pine spins
pipe spike splint sprint acne acme acre lice mice nice rice dice lymph nymph lime node mode code rode nodes modes codes nodal modal
hear ear early fear pearl bowel vowel towel bowl bowls gut cut but nut hut gum gums guts stomach stomp colic rectal rental recital
colon color colored colonel spot spit pot sport spout abnormally cord chord card word ford lord tongue tong tongues young prone phone
bones cones zones ovary every diary vary overt over atrial trial trail serial brutal renal venal penal banal canal anal final pistol
covert cover covers covet novel coved cavity cover ovid livid david avid ct cat pet set wet jet yet net met get bet let ms mr us pub
""".split()
)
"""Real words near medical ones; they are what they say, never a misspelt organ."""

SMALL = frozenset(
    """
a an the this that these those my his her our your their its it them of in on at to from for with by and or is are be was were has have had do
does did i you we they he she me us please kindly so as if then than there here what which who where when why how any some all both each no not
can could would should will shall may might must im id ill ive let lets also just only too very s t d
el la los las un una de del en por con para que y o es al lo le se su die der das den dem des ein eine einen einem einer im am und oder zu zum zur
auf mit von bei fur ist les l d une du au aux dans sur et ou ce cet cette ces est qu il elle os as um uma no na nos nas do da dos das em ao pelo pela este esta
neste nesta este esta estos estas dieser diese dieses diesem diesen hier mir ich bitte favor por si hay me mi seu sua
""".split()
)
"""Function words."""
