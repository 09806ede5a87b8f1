"""Cues of the English that people use to ask about behavior; nothing here belongs to one experiment."""

from __future__ import annotations

import re
from typing import Final

from ethochat.index.words import NUMBER_WORDS, stem

PLOT: Final = (
    r"\b(?:plot|draw|graph|chart|figure|visuali[sz]e|heat ?-?map|histogram|raster|scatter|diagram|bar chart)\b"
    r"|\b(?:show|see|display)\b[^.?]*\b(?:ethogram|trajector\w+|raster|path) (?:of|for)\b"
)
PLOT_KINDS: Final = (
    (r"\bscatter|against\b", "scatter"),
    (r"\btrajector|\bpath of|\btracks?\b|\broute", "trajectory"),
    (r"\boccupan|\bheat ?-?map|\bwhere .* spend", "occupancy"),
    (r"\bethogram|\braster|\bgantt|\btimeline", "ethogram"),
    (r"\bover time|\bper minute|\btime course|\bbins?\b", "time_bins"),
)
CLIPS: Final = (
    r"\b(?:clips?|moments?|episodes?|footage|snippets? where|examples?|places where|instances)\b"
    r"|^\W*(?:please\s+)?(?:show|find|play|list|get|give)\s+(?:me\s+)?(?:every|all|some|the|a|any|each|\d+|three|five|ten)?\b"
    r"|\bwhen (?:is|does|do|are|did|was|were)\b|\bat what times?\b|\bwhere (?:is|are) the\b.*\bbouts?\b"
)
SIMILAR: Final = r"\b(?:similar to|more like|like (?:this|that|the)|resembl\w+)\b"
AGREEMENT: Final = (
    r"\bagree\w*|\bkappa\b|\bfleiss\b|\bkrippendorff\w*\b|\bf1\b|\binter-?(?:rater|observer)\b|\breliabilit\w+|\bconcordan\w+|\bhow far apart are\b|\bdisagree\w*\b"
    r"|\bprecision and recall\b|\b(?:precision|recall)\b[^?]*\bagainst\b"
)
CORRELATION: Final = (
    r"\bcorrelat\w*|\brelationship\b|\brelate[sd]? to\b|\b(?:go|goes|scales?|vary|varies|covar\w+)(?: along| together| up| down)? with\b"
    r"|\bdepends? on\b|\bpredict\w*|\bassociat\w+|\bspearman\b|\bpearson\b|\brho\b|\bregress\w+|\bslope\b"
    r"|\b(?:animals?|mice|mouse|subjects?|ones) (?:that|which|who)\b[^?]*\b(?:more|less|longer|often|faster|most)\b[^?]*\balso\b"
    r"|\bdose[- ]?(?:response|dependen\w+|effect)\b|\b(?:linear )?trends?\b[^?]*\bdos\w+\b"
    r"|\b(?:increas|decreas|ris|fall|scal)\w*\b[^?]*\bwith (?:the |increasing |higher )?dos\w+\b"
)
TRANSITION: Final = (
    r"\b(?:directly |immediately )?(?:followed by|following|follows?|precedes?|preceded by|preceding)\b|\bgo(?:es)? from\b[^?]*\bto\b|\bends? in\b|\bcomes? (?:right |directly |immediately )?(?:next|after)\b"
    r"|\bgo(?:es)? (?:directly )?(?:over )?into\b|\b(?:switch|change|turn|pass|move)(?:es|s)? (?:directly )?(?:over )?(?:from\b.*\b)?(?:in)?to\b"
    r"|\btransitions? (?:from|between|to|probabilit\w+|matrix|counts?)\b|\bwhat (?:happens|comes) (?:next|after|before)\b|\bleads? to\b"
)
COMPARE: Final = (
    r"\bcompar\w+|\bdiffer\w*|\bversus\b|\bvs\b|\baffect\w*|\balter(?:s|ed)?\b|\bimpact\w*|\bmodif\w+|\beffects? of\b|\binfluence\w*|\bchanged?\b|\bsignificant\w*|\btest (?:whether|if|for)\b"
    r"|\b(?:more|less|fewer|longer|shorter|faster|slower|higher|lower|greater|further|farther|earlier|later)\b.*\bthan\b"
    r"|\b(?:increase|decrease|reduce|raise)[ds]?\b|\bp[- ]?values?\b|\beffect sizes?\b|\bhedges\b|\bcohen'?s? d\b"
    r"|\b(?:higher|lower|greater|longer|shorter|faster|slower|more frequent) in\b"
    r"|\bmann-?whitney\b|\bwelch\b|\bt-?tests?\b|\banova\b|\bkruskal\b|\bwilcoxon\b|\bfriedman\b"
)
PER: Final = r"\b(?:per|by|for each|in each|at each|at every|with each|within every|for every|in every|of every|of each|each|for both|in both|of both|within each|split by|broken down by|separately for)\b"
NONE: Final = r"\b(?:no|never|none|without|not (?:a single|any)|zero|lack(?:s|ing)?)\b|n't\b.*\b(?:any|ever|at all|once)\b|\bnot (?:\w+ ){0,3}?(?:at all|ever|once)\b|\bdid not\b|\bdidn't\b"
OUTLIER: Final = r"\boutliers?\b"
COUNT: Final = r"\bhow many\b|\bnumber of\b|\bcounts?\b|\bhow often\b|\bhow many times\b|\bhow frequently\b"
DURATION: Final = (
    r"\bhow long\b|\bhow much time\b|\bhow many (?:seconds|minutes|frames|hours)\b|\btime\b|\bduration\b|\bseconds (?:of|is|are|spent)\b|\bspen[dt]s?\b"
    r"|\btime budget\b|\bframes\b|\bminutes of\b|\bseconds\b"
)
SUMMARY: Final = (
    r"\bsummar\w+|\boverview\b|\bdescribe (?:this|the|my) (?:experiment|study|data\w*)|\btell me about (?:this|the|my) (?:experiment|study|data\w*)"
    r"|\bwhat (?:does|is in) (?:this|the) (?:experiment|data\w*|study)\b|\bwhat (?:data|do (?:we|i|you)) have\b|\bwhat was recorded\b"
    r"|\bwhat (?:kinds? of )?data (?:do|does|is|are|was|were|can)\b|\bwhat (?:is|was|'s) (?:this|the|my|your) (?:experiment|study|data ?set|data|project) (?:about|like)\b"
    r"|\bwhat (?:is|was) (?:in (?:this|the|here)|studied|investigated)\b|\bwhat are (?:these|the) data\b"
)
ABILITIES: Final = (
    r"^\W*help\W*$|\bwhat (?:all )?(?:can|could|may|should|do) (?:i|we|one|you) (?:ask|do|answer|compute|find out|tell me)\W*$|\bwhat (?:kinds? of |sorts? of )?(?:questions?|things)\b[^?]*\b(?:ask|answer)\w*\b"
    r"|\bhow (?:do|can|should) (?:i|we) (?:use (?:this|you|it)|ask)\b|\bwhat (?:are you|can you|do you) (?:able to |capable of )?(?:do|doing)?\W*$"
)
RECORDING_LENGTH: Final = (
    r"\b(?:longest|shortest|total|mean|average|median|overall|typical|min(?:imum|imal)?|max(?:imum|imal)?)\s+(?:single\s+)?(?:duration|length|time)?\s*(?:of\s+)?(?:the\s+|a\s+|all\s+)?(?:recording|session|trial|video|test)s?(?:\s+(?:duration|length|time)s?)?\b(?!\s+\w+ing\b)"
    r"|\b(?:which|what)\s+(?:recording|session|trial|video|test)s?\s+(?:is|was|are|were|lasted|lasts?|ran|took)\s+(?:the\s+)?(?:longest|shortest)\W*$"
    r"|\b(?:which|what)\s+(?:is|was|are|were)\s+the\s+(?:longest|shortest)\s+(?:recording|session|trial|video|test)\W*$"
)
"""How long recordings are, where one number of them all or the first of an order is asked for."""
PEOPLE: Final = r"(?:recordings?|sessions?|animals?|mice|mouse|subjects?|trials?|videos?|files?|individuals?|rodents?|rats?|snippets?|ones?)"
SESSIONS: Final = r"(?:recordings?|sessions?|trials?|videos?|files?|snippets?|tests?)"
ANIMALS: Final = r"(?:animals?|mice|mouse|subjects?|individuals?|rodents?|rats?)"
HUMAN: Final = (
    r"\bby (?:a |an |the )?(?:people|persons?|humans?|observers?|experimenters?|eye)\b|\bhumans\b"
    r"|\b(?:human|manual|manually|hand)[- ]?(?:annotat\w*|label\w*|scor\w*|rat\w*)?\b|\bannotat(?:ed|ions?)\b|\bhand-?scored\b|\bby hand\b"
)
SCORED: Final = r"\b(?:scor|annotat|label|rat|mark|track)(?:e|ed|ted|led|s)?\b"
WHO: Final = r"\bwho\b|\bwhich (?:raters?|annotators?|observers?|experimenters?|people)\b|\bnames? of the (?:raters?|annotators?)\b"
RATERS: Final = r"\b(?:raters?|annotators?|observers?|experimenters?|scorers?)\b"
FOLLOW_UP: Final = (
    r"^\W*(?:and|but|what about|how about|now|only|then|also|ok|okay|same|again|plot (?:that|it|this)|show (?:me )?(?:that|those|them|three|some)|why)\b"
    r"|\b(?:they|them|their|it|its|that|those|these|this one|the same|such|there|he|she|his|her|him)\b"
)

# What is measured, the most telling cue first: pattern, measure, what it needs.
PER_MINUTE: Final = (
    r"\bper (?:full |whole )?minute\b|\b(?:for |in )?each minute\b|\bminute by minute\b|\bevery minute\b"
)

MEASURES: Final[tuple[tuple[str, str, str], ...]] = (
    (r"\b(?:mean|average|median|sd|sem)?\s*number of\b[^.?]*\bbouts\b|\bfewest\b|\b(?:more|less|most|least) often\b", "bout_count", "behavior"),
    (r"\binter-?(?:bout|event|trial)?[- ]?intervals?\b|\b(?:interval|pause|gap|time) between (?:\w+ )?bouts\b", "inter_bout_interval", "behavior"),
    (r"(?:\b(?:percent\w*|fraction|share|proportion)\b|%).*\b(?:missing|undetected|untracked|lost|no (?:\w+ )?position|without (?:a )?position|not (?:detected|tracked))\b"
     r"|(?:\b(?:percent\w*|fraction|share|proportion)\b|%).*\b(?:likelihood|confidence)\b[^.?]*(?:\b(?:below|under|less|lower)\b|<)", "percent_missing", "track"),
    (r"\b(?:likelihood|confidence)\b.*\b(?:above|over|greater|higher|at least|>)|\bpercent\w* of (?:all )?frames\b.*\b(?:likelihood|confidence|tracked|detected)", "percent_tracked", "track"),
    (r"\b(?:lost|missing|undetected|untracked)\b[^.?]*\b(?:most|least|often|oftenest)\b"
     r"|\bundetected\b|\bnot detected\b|\bcompletely missing\b|\bmissing (?:frames|positions?|points?)\b|\bno position\b|\bframes\b.*\black(?:s|ing)?\b|\bframes\b.*\b(?:missing|lost|untracked)\b", "missing_frames", "track"),
    (r"\bbout counts?\b|\bcounts? of (?:the )?\w* ?bouts\b", "bout_count", "behavior"),
    (r"\blast(?:s|ed)? on average\b", "bout_duration", "behavior"),
    (r"\b(?:last|final)\b[^.?]*\b(?:ends?|ended|stops?|stopped|over|finish\w*)\b|\bfor the last time\b|\bwhen (?:was|is|were|does|did) (?:the )?(?:last|final)\b", "last_end", "behavior"),
    (r"\bfor the first time\b|\blatenc\w+|\b(?:until|till|to|before) (?:the |its |his |her )?first\b|\bhow long (?:until|before|till)\b"
     r"|\bfirst\b.*\b(?:start|begin|occur|enter|happen|appear|rear|groom|bout)\w*|\bwhen does .* first\b|\bat (?:which|what) (?:frame|time)\b.*\bfirst\b", "latency", "behavior"),
    (r"\b(?:rates?)\b(?!r)|\bper minute\b.*\b(?:bouts?|rears?|events?|times)\b|\b(?:bouts?|events?|entries|\w+s) per minute\b", "bout_rate", "behavior"),
    (r"\b(?:mean|average|median|typical)\b[^.?]*\b(?:duration|length)\b[^.?]*\bbouts?\b|\bbout (?:duration|length)s?\b|\bhow long (?:is|are|was|were|does|do) (?:a|an|the|each|one)\b[^.?]*\b(?:bouts?|runs?|episodes?)\b"
     r"|\b(?:longest|shortest)\b[^.?]*\b(?:bouts?|runs?|episodes?|events?)\b|\b(?:mean|average|median)\b[^.?]*\b(?:bouts?|runs?|episodes?)\b", "bout_duration", "behavior"),
    (r"\b(?:percent\w*|fraction|share|proportion|portion)\b|%", "percent_time", "behavior"),
    (r"\bdistances? between\b[^.?]*\b(?:ears?|points?|nose|tail|body ?parts?|keypoints?)\b", "keypoint_distance", "keypoints"),
    (r"\bdistances? (?:of|between|from) (?:each |every |all |the )*pairs?\b"
     r"|\bdistances? (?:between|from)\b[^.?]*\b(?:mice|animals|individuals?|each pair|pairs?|mouse|\w+\d+ and \w+\d+)\b|\bhow (?:far|close) (?:apart|together)\b"
     r"|\bhow (?:close|near)\b[^.?]*\b(?:each other|one another|mice|animals)\b", "pair_distance", "pair"),
    (r"\b(?:closer|nearer) than\b|\bclose to each other\b|\bnear each other\b", "time_near", "pair"),
    (r"\b(?:faster|slower|quicker)\b", "mean_speed", "track"),
    (r"\bhow far\b|\bdistances?\b|\bpaths?\b(?! of\b)|\bpath ?-?lengths?\b|\btravel\w*\b|\bhow (?:many|much) (?:centimeters?|cm|meters?|m|pixels?|px)\b|\blength of the path\b"
     r"|\bhow long (?:is|was) (?:the|its|his|her) (?:\w+ )?path\b|\bran\b", "distance", "track"),
    (r"\b(?:max\w*|top|peak|highest|fastest)\b[^.?]*\b(?:speed|velocity)\b", "max_speed", "track"),
    (r"\bspeeds?\b|\bvelocit\w+|\bhow fast\b", "mean_speed", "track"),
    (r"\bbody lengths?\b", "body_length", "track"),
    (r"\bmov(?:e|es|ed)\b|\bcover(?:ed|s)?\b|\blocomot\w*|\b(?:locomotor |motor |general |overall )?activit(?:y|ies)\b|\bhabituat\w*"
     r"|\bhow active\b|\b(?:more|less|most|least|equally|similarly|as|how) active\b", "distance", "track"),
    (r"\bhow (?:many|much) (?:\w+ )?(?:seconds|minutes|hours|frames|time)\b|\bseconds of\b|\bminutes of\b|\bframes of\b", "total_duration", "behavior"),
    (r"\bbouts?\b|\bepisodes?\b|\bhow often\b|\bhow many times\b|\bnumber of\b|\bcounts?\b|\bhow many\b|\bfrequen\w+", "bout_count", "behavior"),
    (DURATION, "total_duration", "behavior"),
)  # fmt: skip
ENTRIES: Final = r"\bentr(?:y|ies)\b|\benter\w*\b|\bvisit\w*\b|\btransitions?\b|\bcross\w*\b"
ZONE_MEASURES: Final[tuple[tuple[str, str], ...]] = (
    (r"\blatenc\w+|\bfirst\b|\bhow long (?:until|before)\b", "zone_latency"),
    (
        r"\b(?:entr(?:y|ies)|visits?|crossings?)\b[^?]*\b(?:per min(?:ute)?|rates?)\b|\brates? of (?:entr|visit)\w+",
        "zone_entry_rate",
    ),
    (
        r"\bentr(?:y|ies)\b|\benter\w*\b|\bvisits?\b|\btransitions?\b|\bcross\w*\b|\bhow (?:often|many times)\b",
        "zone_entries",
    ),
    (r"\bpercent\w*|%|\bfraction\b|\bshare\b|\bproportion\b", "zone_percent"),
    (r".", "zone_time"),
)

# Words that carry no content of their own, stemmed where they are compared.
COMMON_WORDS: Final = frozenset(
    """
    a about above according account across add added after again against all also altogether always am among amount an and animal animals annotate
    annotated annotation annotations annotator any anything apart are as asked assign at automatic automatically available average away b be became because
    become been before begin behavior behaviors being below best better between big body both bout bouts break but by calculate call called came can carry
    case cases center certain change channel channels class classified clip clips close closer cm come compare compared comparison complete completely
    compute condition conditions consecutive consider consistent contain contains control coordinate coordinates correlation count counted counts cover
    covered csv data dataset day days define defined definition degree describe design detected determine did differ difference different direct direction
    directly discard distance distances do document documented does done down draw during each early easy either else end ended ends enter entries entry
    episode episodes event events ever every everyone everything exact exactly exceed excluding exist experiment experimenter explain extent fact far fast
    faster few fewer fewest field file files find first five follow followed following follows for found four fraction frame frames frequency frequent
    frequently from full further get give given go goes good great greater greatest group groups had half happen happens has have having he height help her
    here high higher highest his hour how however i identify if ignore image in include included including index individual individuals information inside
    instance instead interval intervals into involve is it its itself just keep kept kind know label labeled labels largest last lasted lasting lasts late latency
    later least leave leaving left length less let level like likelihood limit linear linearly list little located location long longer longest look low lower lowest lying
    made make makes many mark marked marks mask matter max maximum may me mean means measure measured median meet meters method mice middle min mind minimum
    minute minutes missing moment moments more most mouse move moved movement movements moves moving much must my n name named names near need needs never next no non
    none nor not note now number numbered numbers observation observe observed observer occur occurs of off often older on once one ones only onto open or order other
    others otherwise our out outlier outliers outside over overall own p pair pairs part particular parts path pca people per percent percentage perform period phase
    picture place places play please plot plots point points pooled position positions possible present probability proportion put px question quick quickly ran rank
    ranked ranks rate rater raters rates ratio raw read real receive received record recorded recording recordings regarding region related relative remain report respect
    respectively result results return right row rows run running runs said same sample samples say scale score scored scorer scores sec second seconds section see
    seem segment segments sem separate separately sequence session sessions set several share she should show shown shows side similar simple since single size skip small
    smaller smallest so some something somewhere spend spends spent split square standard start started starting starts stated statistic statistics still stop study
    subject subjects such sum summarize table take takes taken task tell ten tend term test tested tests than that the their them then there these they thing things third this those
    three through throughout time times to together told top total totals toward track tracked tracker tracks travel traveled treat treated trial trials true try twelve
    two type types typical typically under unit units until unused up use used using usual value values various versus very via video videos view vs want was watch way we
    well went were what when where whether which while who whole whose why will with within without word words work would write x y yes yet you your zero zone zones
    arena box maze recorded fps hz pixel pixels path automatic classifier human manual coordinates likelihood interpolated interpolate rule iqr boxplot significance
    significantly equal unequal sizes size hedges g cohen d welch student mann whitney wilcoxon friedman anova repeated measures paired unpaired effect effects pearson spearman rho
    correlation kappa f1 frame-wise wise inter cohens s t u r m h ms mm kg mg shortest slowest bottom smallest farthest furthest figure graph chart scatter bar bars dot dots
    color colored trajectory occupancy heatmap map raster ethogram histogram line minutes hour hours age sex dose weight animal mouse-seconds snippet snippets
    budget breakdown contrast versus seen scoring rating automated automatically tracking pose keypoint keypoints bodypart bodyparts skeleton markers marker
    key keys active activity actively began begin begins begun beginning minus weeks drug drugs hand alter alters altered impact impacts modify modified received receive given got
    centimeter centimeters millimeter velocity speed speeds undetected detected relationship response dependent depend depends affected affect affects influence
    switch switches latest earliest except excluding except scorable uninterrupted budget subtypes minus plus column columns fall falls
    october november december january february march april june july august september monday tuesday wednesday thursday friday today yesterday
    agree agrees agreement disagree bin bins window windows round duration durations assign listed listing scored twice breakdown breaking annotating regardless
    live lives lived living housed belong belongs cluster clusters class classes state states syllable deviation range pause pauses gap gaps
    sd ci iqr lack lacks visit visits visited transition transitions crossing crossings exceed exceeds divided preceding precede precedes preceded frequent
    straight straightaway separate simultaneously simultaneous concurrent concurrently neither high deep arm arms cohort cohorts quarter fifth tenth
    recordings anyway actually basically roughly approximately about around nearly almost both neither nothing nobody somebody anybody everybody episode
    mention mentioned understand think please thanks thank hi hello hey ok okay sure maybe perhaps could might shall ought
    """.split()
)


# The closed classes of English, whose words name nothing: a question's meaning may hang on them, an experiment's names never do.
FUNCTION_WORDS: Final = frozenset(
    """
    another each either every neither enough few fewer less little lot lots many more most much other others own plenty several such various whichever whatever
    i me my mine myself you your yours yourself he him his himself she her hers herself it its itself we us our ours ourselves they them their theirs themselves
    this that these those who whom whose which what where when why how whoever whomever wherever whenever somebody someone something anybody anyone anything
    everybody everyone everything nobody nothing none
    aboard about above across after against along alongside amid among amongst around as at atop before behind below beneath beside besides between beyond by concerning
    considering despite down during except for from in inside into like minus near of off on onto opposite out outside over past per plus regarding round since than
    through throughout till to toward towards under underneath unlike until up upon versus via with within without
    and but or nor so yet although because if lest once provided since though unless until when whenever whereas wherever whether while
    am is are was were be been being do does did doing done have has had having can could may might must shall should will would ought need dare used
    again ago almost already also altogether always anyway apart aside away back barely both else elsewhere especially ever even far fairly first forth further hence
    here hereby however indeed instead just largely last later least maybe meanwhile merely more moreover most mostly much namely nearly never nevertheless next nonetheless
    not notably now nowadays nowhere often once only otherwise over overall perhaps possibly pretty quite rather really roughly scarcely seldom simply somehow sometimes
    somewhat somewhere soon still then thence there thereby therefore thus together too twice usually very well whatsoever yet yesterday today tomorrow tonight
    please pls plz thanks thx thank sorry hello hi hey ok okay yes no yeah yep nope well right sure fine actually basically honestly exactly precisely
    see saw seen sees seeing watch watched watches notice noticed notices spot spotted spots witness witnessed view viewed hear heard find found finds detect detected
    observe observed think thinks thought judge judged believe deem deemed consider considered guess wonder wondering know knew known want wanted wish like liked
    try tried help let say says said tell told talk speak ask asked asks mean means meant give gave given gives show showed shown shows
    overlap overlaps overlapped overlapping coincide coincides coincided occur occurs occurred happen happens happened
    chance random expected
    except excepting exception exclude excluded excludes excluding exclusion omit omits omitted omitting drop drops dropped dropping skip skips skipped skipping remove
    removes removed removing removal discard discards discarded discarding disregard disregarding ignore ignores ignored ignoring barring regardless
    """.split()
)


COMMON_STEMS: Final = {stem(word) for word in COMMON_WORDS | FUNCTION_WORDS if word[0].isalpha()} | {
    stem(word) for word in NUMBER_WORDS
}


OFTEN_MISTYPED: Final = (
    "distance", "average", "median", "compare", "between", "correlation", "correlate", "difference", "duration", "percentage", "number", "minutes", "seconds", "animals",
    "velocity", "latency", "significant", "groups", "session", "recording", "condition", "treatment", "speed", "during", "according", "which", "first", "total", "bouts",
)  # fmt: skip
COLORS: Final = "red|blue|green|black|white|yellow|orange|purple|violet|pink|brown|gray"


def matches(pattern: str, text: str) -> bool:
    """Whether a cue occurs in a text, whatever the case."""
    return re.search(pattern, text, re.IGNORECASE) is not None
