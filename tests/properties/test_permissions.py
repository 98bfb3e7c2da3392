"""What holds for every set of roles: the compiled rules are what the words say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.access import UNBOUNDED, Access, Situation
from gateway.identity.permissions import BY_NAME, CATALOGUE, Pattern
from gateway.identity.roles import WEEKDAYS, Allowed, Conditions, Role
from gateway.providers.operations import OPERATIONS, operation_of
from gateway.settings import Dialect

NAMES = sorted(BY_NAME)
MODELS = ("gpt-4", "GPT-4", "gpt-5", "o3", "")
MODEL_PATTERNS = ("gpt-*", "*", "o3", "gpt-4", "*4")
NETWORKS = ("10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32")
ADDRESSES = ("10.1.2.3", "192.0.2.7", "2001:db8::1", "203.0.113.9")
HOURS = ("08:00-18:00", "22:00-06:00", "00:00-24:00")

names = st.sampled_from(
    [*NAMES, "*", "chat.*", "*.create", "admin.*", "admin.*.read", "files.*", "*.read"]
)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    name = draw(names)
    if draw(st.booleans()) and any(p.has_model for p in Pattern.parse(name).covered()):
        return f"{name}:{draw(st.sampled_from(MODEL_PATTERNS))}"
    return name


def some(values: tuple[Any, ...]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), max_size=2)


@st.composite
def conditions(draw: st.DrawFn, *, denies: bool) -> dict[str, Any]:
    written: dict[str, Any] = {
        "permissions": draw(st.lists(patterns(), min_size=1, max_size=2)),
        "networks": draw(some(NETWORKS)),
        "weekdays": draw(some(WEEKDAYS)),
        "hours": draw(some(HOURS)),
        "models": draw(some(MODEL_PATTERNS)),
        "dialects": draw(some(tuple(Dialect))),
        "routes": draw(some(("openai", "team-*", "*"))),
    }
    if not denies and draw(st.booleans()):
        written["output_tokens_max"] = draw(st.integers(1, 5))
    if not denies and draw(st.booleans()):
        written["cost_max"] = draw(st.sampled_from(["0.000001", "0.000003"]))
        written["currency"] = draw(st.sampled_from(["USD", "EUR"]))
    return written


@st.composite
def roles(draw: st.DrawFn, *, with_deny: bool = True) -> Role:
    allow = draw(st.lists(patterns() | conditions(denies=False), min_size=1, max_size=3))
    deny = st.lists(patterns() | conditions(denies=True), max_size=2 if with_deny else 0)
    return Role.model_validate({"allow": allow, "deny": draw(deny)})


situations = st.builds(
    Situation,
    now_s=st.integers(0, 4_000_000_000).map(float),
    address=st.sampled_from(ADDRESSES).map(ip_address),
    model=st.sampled_from(MODELS),
    dialect=st.sampled_from(Dialect),
    route=st.sampled_from(["openai", "team-a"]),
    output_tokens=st.integers(0, 6) | st.just(UNBOUNDED),
    cost=st.integers(0, 4),
    currency=st.sampled_from(["USD", "EUR"]),
)


def plainly(role_list: list[Role], permission: str, s: Situation, scopes: list[str]) -> bool:
    """The same question, answered word by word."""
    allowed = any(_holds(g, permission, s, denies=False) for r in role_list for g in r.allow)
    denied = any(_holds(g, permission, s, denies=True) for r in role_list for g in r.deny)
    scoped = not scopes or any(_holds(text, permission, s, denies=False) for text in scopes)
    return allowed and scoped and not denied


def _holds(item: str | Conditions, permission: str, s: Situation, *, denies: bool) -> bool:
    if isinstance(item, str):
        return _pattern_holds(item, permission, s, denies=denies)
    known = BY_NAME[permission]
    if item.models and not known.has_model:
        return False
    bound = item.output_tokens_max if isinstance(item, Allowed) else None
    if bound is not None and not (known.generates and (s.output_tokens or 0) <= bound):
        return False
    if isinstance(item, Allowed) and not _cost_is(item, s, has_model=known.has_model):
        return False
    return (
        any(_pattern_holds(text, permission, s, denies=denies) for text in item.permissions)
        and (not item.models or any(_model_is(m, s, denies=denies) for m in item.models))
        and (not item.networks or any(s.address in ip_network(n) for n in item.networks))
        and (not item.dialects or s.dialect in item.dialects)
        and (not item.routes or any(fnmatchcase(s.route, r) for r in item.routes))
        and _time_is(item, s)
    )


def _cost_is(item: Allowed, s: Situation, *, has_model: bool) -> bool:
    if item.cost_max is None:
        return True
    dear = (s.cost or 0) > float(item.cost_max) * 1_000_000 + 0.1
    return has_model and s.currency == item.currency and not dear


def _pattern_holds(text: str, permission: str, s: Situation, *, denies: bool) -> bool:
    name, _, model = text.partition(":")
    if not fnmatchcase(permission, name):
        return False
    return not model or (BY_NAME[permission].has_model and _model_is(model, s, denies=denies))


def _model_is(pattern: str, s: Situation, *, denies: bool) -> bool:
    model = s.model or ""
    return fnmatchcase(model.lower(), pattern.lower()) if denies else fnmatchcase(model, pattern)


def _time_is(item: Conditions, s: Situation) -> bool:
    """Looks whether a span that began on an allowed day, today or yesterday, is still open."""
    now = datetime.fromtimestamp(s.now_s, UTC)
    for text in item.hours or ("00:00-24:00",):
        first, last = (int(t[:2]) * 60 + int(t[3:]) for t in text.split("-"))
        length = last - first if last > first else last + 1440 - first
        for days_ago in (0, 1):
            day = (now - timedelta(days=days_ago)).replace(hour=0, minute=0, second=0)
            opened = day + timedelta(minutes=first)
            if opened <= now < opened + timedelta(minutes=length) and (
                not item.weekdays or WEEKDAYS[opened.weekday()] in item.weekdays
            ):
                return True
    return False


many = st.lists(roles(), min_size=1, max_size=3)


@given(many, st.lists(patterns(), max_size=2), situations)
def test_the_compiled_rules_say_what_the_words_say(
    written: list[Role], scopes: list[str], situation: Situation
) -> None:
    access = Access(written, scopes)

    for name in NAMES:
        assert access.permits(name, situation) is plainly(written, name, situation, scopes)


@given(many, names, situations)
def test_deny_wins_whatever_else_is_allowed(
    written: list[Role], denied: str, situation: Situation
) -> None:
    access = Access([*written, Role(allow=("*",)), Role(deny=(denied,))])

    assert not any(access.permits(p.name, situation) for p in Pattern.parse(denied).covered())


@given(st.lists(roles(with_deny=False), max_size=3), roles(with_deny=False), situations)
def test_one_more_role_without_deny_takes_nothing_away(
    written: list[Role], more: Role, situation: Situation
) -> None:
    before, after = Access(written), Access([*written, more])

    assert not [
        n for n in NAMES if before.permits(n, situation) and not after.permits(n, situation)
    ]


@given(many, st.lists(patterns(), min_size=1, max_size=3), situations)
def test_scopes_only_take_away(
    written: list[Role], scopes: list[str], situation: Situation
) -> None:
    free, bound = Access(written), Access(written, scopes)

    assert not [n for n in NAMES if bound.permits(n, situation) and not free.permits(n, situation)]


@given(many, situations, st.sets(st.sampled_from(["model", "address", "output_tokens"])))
def test_what_is_not_known_permits_nothing_that_knowing_it_might_refuse(
    written: list[Role], situation: Situation, hidden: set[str]
) -> None:
    """A judgement before the body was read is the one after it, or none."""
    access = Access(written)
    known = {
        field: None if field in hidden else getattr(situation, field)
        for field in ("address", "model", "output_tokens")
    }
    partly = Situation(situation.now_s, dialect=situation.dialect, route=situation.route, **known)

    for name in NAMES:
        early = access.rule(name).judge(partly)
        assert early is None or early is access.rule(name).judge(situation)
        if early is None and hidden <= {"model", "output_tokens"}:
            assert access.rule(name).reads_body


@given(names)
def test_a_wildcard_covers_the_union_of_what_it_matches(name: str) -> None:
    covered = {p.name for p in Pattern.parse(name).covered()}

    assert covered == {p.name for p in CATALOGUE if fnmatchcase(p.name, name)}


@given(
    st.sampled_from(["GET", "POST", "DELETE", ""]), st.text("/aAvV1.%2fF\\;:*\x00é", max_size=40)
)
def test_every_path_asks_for_some_operation(method: str, path: str) -> None:
    assert operation_of(method, path) in {operation.name for operation in OPERATIONS}
