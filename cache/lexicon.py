"""The English words that tell two near-identical questions apart: numbers, units, times, negators, opposites. Data alone; how
they are compared is cache/guards.py. Questions in other languages are told apart by digits, quotes and symbols, which need no
list."""

from collections.abc import Mapping

_COUNTED = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty
"""
NUMBER_WORDS: Mapping[str, int] = {
    **{word: value for value, word in enumerate(_COUNTED.split())},
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
    "hundred": 100,
    "thousand": 1_000,
    "million": 1_000_000,
}


def _spelled(**forms: str) -> dict[str, str]:
    return {form: name for name, line in forms.items() for form in line.split()}


# Every spelling of a unit, to its name. Those of one or two letters count only behind a number.
UNITS: Mapping[str, str] = _spelled(
    mile="mile miles",
    mph="mph",
    kph="kph kmh",
    kilometre="kilometre kilometres kilometer kilometers km kms",
    metre="metre metres meter meters m",
    centimetre="centimetre centimetres centimeter centimeters cm",
    millimetre="millimetre millimetres millimeter millimeters mm",
    foot="foot feet ft",
    inch="inch inches",
    yard="yard yards yd",
    fathom="fathom fathoms",
    acre="acre acres",
    hectare="hectare hectares ha",
    kilogram="kilogram kilograms kilo kilos kg kgs",
    gram="gram grams gramme grammes g",
    milligram="milligram milligrams mg",
    pound_mass="lb lbs",
    ounce="ounce ounces oz",
    tonne="tonne tonnes ton tons",
    litre="litre litres liter liters l",
    millilitre="millilitre millilitres milliliter milliliters ml",
    gallon="gallon gallons",
    cup="cups",
    tablespoon="tablespoon tablespoons tbsp",
    teaspoon="teaspoon teaspoons tsp",
    celsius="celsius centigrade",
    fahrenheit="fahrenheit",
    kelvin="kelvin",
    bar="bar",
    psi="psi",
    watt="watt watts",
    kilowatt="kilowatt kilowatts kw",
    megawatt="megawatt megawatts mw",
    byte="byte bytes",
    kilobyte="kilobyte kilobytes kb",
    megabyte="megabyte megabytes mb",
    gigabyte="gigabyte gigabytes gb",
    terabyte="terabyte terabytes tb",
    millisecond="millisecond milliseconds ms",
    second="seconds s",
    minute="minute minutes min mins",
    hour="hour hours h hr hrs",
    day="day days",
    week="week weeks",
    month="month months",
    year="year years",
    percent="percent",
    dollar="dollar dollars usd",
    euro="euro euros eur",
    pound="gbp quid sterling",
    yen="yen jpy",
    peso="peso pesos",
    franc="franc francs chf",
    rupee="rupee rupees inr",
)
UNIT_SIGNS: Mapping[str, str] = {"%": "percent", "$": "dollar", "€": "euro", "£": "pound", "¥": "yen"}
# "pound" is money and mass: it agrees with both.
UNITS_LOOSE: Mapping[str, frozenset[str]] = {
    "pounds": frozenset({"pound", "pound_mass"}),
    "pound": frozenset({"pound", "pound_mass"}),
}

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS: Mapping[str, int] = {
    name: place
    for place, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        1,
    )
    for name in names.split()
}
# Also ordinary words: months only behind one of these, beside a number, or with a capital inside the sentence.
MONTHS_AMBIGUOUS = frozenset({"may", "march", "mar", "jan", "sep", "dec", "jun"})
MONTH_LEADS = frozenset({"in", "of", "since", "until", "by", "this", "next", "last", "during", "from", "early", "late", "mid"})
SEASONS: Mapping[str, str] = _spelled(spring="spring", summer="summer summers", autumn="autumn fall", winter="winter winters")

NEGATORS = frozenset(
    {"not", "never", "no", "without", "cannot", "cant", "dont", "doesnt", "didnt", "isnt", "wasnt", "wont", "havent", "hasnt"}
    | {"none", "nobody", "nothing", "nowhere", "neither", "nor", "arent", "werent", "couldnt", "wouldnt", "shouldnt"}
)

# Words that carry no content of their own. Prepositions stay out of the bag of words but keep order (guards.py reads them).
_PLAIN = """
a an the this that these those there here it its i me my mine we us our you your he him his she her they them their
is are was were be been being am do does did done have has had having can could will would shall should may might must
what which who whom whose when where why how if then than so as at by for from in into of off on onto out over to up with
about again also any some just please tell give show want need know let get got s t re ve ll d m and or but
"""
STOP = frozenset(_PLAIN.split())

# Prepositions: what follows one stays with it wherever the phrase goes.
LINKERS = frozenset(
    {"of", "in", "on", "at", "to", "from", "for", "with", "about", "into", "onto", "over", "under", "by", "between", "against"}
    | {"without", "through", "during", "as", "than", "via", "per", "before", "after", "minus", "above", "below"}
)
# The two sides of one of these may be swapped.
COORDINATORS = frozenset({"and", "or", "vs", "versus", "between"})

# Words that stand anywhere in a sentence without changing who does what.
ADVERBS = frozenset(
    {"already", "still", "now", "today", "currently", "really", "ever", "always", "often", "possible", "best", "way"}
)

# Opposites that keep two questions near each other in every embedding space. A word may stand in several lines.
OPPOSITES: tuple[tuple[str, str], ...] = tuple(
    (left, right)
    for line in """
    enable disable, activate deactivate, increase decrease, increase reduce, raise lower, lock unlock, fast slow, import export
    subscribe unsubscribe, buy sell, bought sold, advantage disadvantage, gain lose, departure arrival, depart arrive
    cheap expensive, cheapest expensive, add remove, add delete, create delete, cold hot, start stop, start end, begin end
    highest lowest, high low, before after, before during, after during, encrypt decrypt, public private, rise set
    connect disconnect, oldest youngest, old new, young old, leave enter, open close, internal external, hide show
    withdraw deposit, left right, win lose, won lost, minimum maximum, min max, send receive, sent received, upload download
    install uninstall, allow block, accept reject, accept decline, pass fail, success failure, above below, more less
    most least, more fewer, top bottom, first last, first final, advantages disadvantages
    departures arrivals, up over, this next, this last, will did, will has, daily weekly, daily monthly, daily yearly
    daily annual, weekly monthly, weekly yearly, weekly annual, monthly yearly, monthly annual, monthly quarterly
    quarterly yearly, quarterly annual, once twice, full limited, complete limited, full partial, complete partial
    early late, in out, on off, push pull, lend borrow
    attach detach, input output, inside outside, positive negative, true false, male female, buyer seller, past upcoming
    past future, former present, previous current, previous next, old current, last next, yesterday tomorrow, yesterday today
    today tomorrow, morning evening, morning night, already still, until since, until from, from to, originally now
    historically nowadays, planned shipped, earlier later, did will, was will, were will
    """.replace("\n", ",").split(",")
    if line.strip()
    for left, right in [line.split()]
)

# How much of something is meant. Two questions that name different members of one line ask different things.
QUANTIFIERS: Mapping[str, str] = _spelled(
    all="all every each everyone everybody everything always whole entire entirely both full complete",
    some="some something someone sometimes several few partial partially half",
    any="any anyone anything either ever",
    most="most mostly usually majority",
    only="only just solely exactly single one once",
    twice="twice double",
    many="many multiple",
    rarely="rarely seldom limited",
    daily="daily",
    weekly="weekly",
    monthly="monthly",
    quarterly="quarterly",
    yearly="yearly annual annually",
)

# How much of something is meant, where another that is apart from it cannot be a paraphrase. Negators are left to parity.
QUANTITIES: Mapping[str, str] = _spelled(
    all="all every each everyone everybody everything always both entire entirely whole full complete",
    any="any anyone anybody",
    some="some something someone sometimes several few half partial partially either",
    most="most mostly usually majority",
    only="only single exactly one once solely",
    many="many multiple",
    rarely="rarely seldom hardly limited",
    twice="twice double",
)
QUANTITIES_APART = frozenset(
    frozenset(pair.split("/"))
    for pair in [
        "all/any",
        "all/some",
        "all/most",
        "all/only",
        "all/rarely",
        "some/most",
        "many/only",
        "most/rarely",
        "only/twice",
    ]
)
BOUNDS: Mapping[str, str] = {
    "at least": "from",
    "no less than": "from",
    "no fewer than": "from",
    "at most": "up to",
    "up to": "up to",
    "no more than": "up to",
    "not more than": "up to",
    "more than": "over",
    "less than": "under",
    "fewer than": "under",
    "exactly": "exactly",
}
# What one is bound to do, and what one is free to do.
MODALS: Mapping[str, str] = {
    **dict.fromkeys(("must", "have to", "has to", "need to", "needs to", "required to", "obliged to", "mandatory"), "must"),
    **dict.fromkeys(("may", "can", "could", "allowed to", "permitted to", "able to", "optional"), "may"),
}
# A question that begins with one of these asks for the way or the reason: there `can` and `must` are one.
ASKING = frozenset({"how", "what", "which", "who", "whom", "whose", "when", "where", "why"})
