"""Stop words by language: the few function words whose postings are long and say nothing. Short on purpose, since BM25
already weighs frequent words down; a language without a list here has none."""

from collections.abc import Mapping

_ENGLISH = """
a about all also am an and any are as at be been being but by can could did do does doing for from had has have having he her
here hers him his how i if in into is it its itself me my no nor not of off on or our ours she should so some such than that
the their theirs them then there these they this those to too us was we were what when where which while who whom why will
with would you your yours
s t d ll m re ve don didn doesn isn aren wasn weren won wouldn couldn shouldn hasn haven hadn
"""
_GERMAN = """
aber als am an auch auf aus bei beim bin bis bist da damit das dass dein dem den der des die dies diese diesem diesen dieser
dieses doch du durch ein eine einem einen einer eines er es für gegen hat hatte ich ihr im in ist ja kann man mit nach nicht
noch nur ob oder ohne sein sich sie sind so um und uns unter vom von vor war wenn werden wie wir wird zu zum zur über
"""
_FRENCH = """
à au aux avec ce ces cet cette d dans de des du elle elles en est et eux il ils j je l la le les leur leurs lui m ma mais me
mes n ne nos notre nous on ont ou par pas pour qu que qui s sa se ses son sont sur t ta te tes tu un une vos votre vous y été
"""
_SPANISH = """
a al como con cual de del desde donde e el ella ellas ellos en entre era es esa ese eso esta este esto están está fue ha han
hay la las le les lo los me mi más muy no nos o para pero por que qué se ser si sin sobre son su sus también te tu un una uno
unos y ya
"""
_ITALIAN = """
a ad al alla alle agli ai anche c che chi ci come con cui d da dal dalla dei del della delle degli di e ed è era essere fra
gli ha hanno i il in io l la le lo loro ma mi ne nei nel nella non o per più quella quello questa questo se si sono su sua
sue sul sulla suo tra tu un una uno
"""
_PORTUGUESE = """
a ao aos as até com como da das de dela dele do dos e ela elas ele eles em entre era essa esse esta este eu foi há isso isto já
lhe mais mas me meu minha muito na nas no nos não nós o os ou para pela pelo por qual que quem se sem ser seu seus sua suas são
também te tem um uma você à às é
"""
_DUTCH = """
aan al als bij daar dan dat de der deze die dit door dus een en er had heb hebben heeft het hij hoe ik in is je kan maar me
meer met mijn naar niet nog nu of om onder ons ook op over te tegen toch tot uit van veel voor want was wat we wel werd wie wij
wordt ze zich zij zijn zo zonder zou
"""

STOPWORDS: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "english": _ENGLISH,
        "porter": _ENGLISH,
        "german": _GERMAN,
        "french": _FRENCH,
        "spanish": _SPANISH,
        "italian": _ITALIAN,
        "portuguese": _PORTUGUESE,
        "dutch": _DUTCH,
        "dutch_porter": _DUTCH,
    }.items()
}
