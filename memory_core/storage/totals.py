"""How many tokens the packer would show now, kept up to date by triggers: no write counts again."""

#: What a row of ``items`` adds. A turn is shown while it is recent, which is counted apart.
_ITEM = (
    "iif({0}.kind = 'turn', 0, case {0}.state when 'active' then {0}.tokens "
    "when 'compressed' then {0}.summary_tokens else 0 end)"
)
#: What a row of ``facts`` adds: three bytes a token on the high side, and its date.
_FACT = (
    "iif({0}.retired_at is null and {0}.valid_to is null, "
    "12 + (length(cast({0}.key as blob)) + length(cast({0}.value as blob))) / 3, 0)"
)


def _triggers(table: str, adds: str) -> str:
    old, new = adds.format("old"), adds.format("new")
    update = f"update shown_tokens set tokens = tokens {{}} where part = '{table}'"
    return f"""
insert into shown_tokens select '{table}', coalesce(sum({adds.format(table)}), 0) from {table};
create trigger {table}_shown_more after insert on {table}
    when {new} <> 0 begin {update.format(f"+ {new}")}; end;
create trigger {table}_shown_less after delete on {table}
    when {old} <> 0 begin {update.format(f"- {old}")}; end;
create trigger {table}_shown_other after update on {table}
    when {old} <> {new} begin {update.format(f"- {old} + {new}")}; end;
"""


SCHEMA = f"""
-- Tokens of what the packer would show now, by table.
create table shown_tokens(part text primary key, tokens integer not null) strict, without rowid;
{_triggers("items", _ITEM)}
{_triggers("facts", _FACT)}
"""

#: Tokens of all that is shown: kept totals, and the few recent turns.
SHOWN = """
select (select sum(tokens) from shown_tokens)
     + (select coalesce(sum(iif(recent.shortened, min(items.tokens, 60), items.tokens)), 0)
        from recent cross join items on items.row = recent.item  -- the few first
        where items.kind = 'turn' and items.state in ('active', 'compressed'))
"""
