"""What a simulated model says when nothing more definite is asked of it."""

from __future__ import annotations

from headway.simulated.identity import Identity
from headway.simulated.tokens import tokens

_SENTENCES = (
    "The harbour was quiet, and only the gulls had opinions.",
    "A good map leaves out almost everything.",
    "Rain came in from the west and stayed for tea.",
    "The librarian kept a list of books that people pretended to have read.",
    "Somewhere below the floorboards a clock disagreed with all the others.",
    "Bread rises on its own schedule, never on yours.",
    "The old bridge hummed whenever a lorry crossed it.",
    "She counted the lighthouses twice and got a different number each time.",
    "Every garden is an argument with the weather.",
    "The café on the corner sells more silence than coffee.",
    "Two rivers meet here, and neither has given up its name.",
    "He wrote the letter slowly, as if the paper might object.",
    "The night train smelled of oranges and wet wool.",
    "Nobody remembers who planted the pear tree, but everyone takes the pears.",
    "A kettle, a window and an hour to spare are most of what one needs.",
    "The mountain looked closer after supper.",
    "Swallows returned on the same day as last year, to the minute.",
    "The piano in the hall was in tune with nothing but itself.",
    "Winter arrived with a small suitcase and large plans.",
    "The ferry left on time, which surprised the ferry most of all.",
    "An honest answer is usually shorter than the question.",
    "The smallest key on the ring opened the largest door.",
    "Fog is only a cloud that wanted company.",
    "The naïve plan worked, so they kept it.",
)


def compose(model: str, provider: str, identity: Identity) -> str:
    """A few sentences, the first of which says who speaks. The dash makes every answer hold a multi-byte letter."""
    rng = identity.rng()
    body = rng.sample(_SENTENCES, rng.randint(3, 5))
    return " ".join((introduction(model, provider), *body))


def introduction(model: str, provider: str) -> str:
    return f"This is {model} at {provider} — a simulated answer."


def compose_tokens(model: str, provider: str, identity: Identity, wanted: int) -> list[str]:
    """A text of exactly so many tokens."""
    rng = identity.rng()
    pieces = tokens(introduction(model, provider))
    while len(pieces) < wanted:
        pieces += tokens(" " + rng.choice(_SENTENCES))
    return pieces[:wanted]


def thought(model: str, provider: str, identity: Identity) -> str:
    """What is said before the answer, where reasoning is wanted."""
    return f"What would {model} at {provider} say? {identity.rng().choice(_SENTENCES)} So be it."
