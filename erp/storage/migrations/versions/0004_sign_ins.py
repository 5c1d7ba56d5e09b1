"""Where people are signed in, former phone keys, codes that wait to be confirmed, addresses as they are compared."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress

import idna
import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels = None
depends_on = None

# Of this nothing changes; looking no further brings a hundred thousand of them through in a second.
PLAIN = re.compile("[!-@[-~]+")
FILLERS = "\u115f\u1160\u3164\uffa0"


def upgrade() -> None:
    op.create_table(
        "sign_in",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("browser", sa.String(length=80), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_sign_in_account_id_account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["device_id"], ["device.id"], name=op.f("fk_sign_in_device_id_device"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
        sa.UniqueConstraint("digest", name=op.f("uq_sign_in_digest")),
    )
    op.create_index(op.f("ix_sign_in_account_id"), "sign_in", ["account_id"])
    op.create_index(op.f("ix_sign_in_device_id"), "sign_in", ["device_id"])
    op.create_table(
        "former_phone_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_former_phone_key_account_id_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_phone_key")),
    )
    op.create_index(op.f("ix_former_phone_key_account_id"), "former_phone_key", ["account_id"])
    with op.batch_alter_table("recovery_code", schema=None) as batch_op:
        batch_op.add_column(sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    # The codes that are there were shown, and to be saved before anything else could be done.
    op.execute("UPDATE recovery_code SET confirmed_at = CURRENT_TIMESTAMP")
    _compare_addresses()


def _compare_addresses() -> None:
    account = sa.table("account", sa.column("id", sa.Uuid()), sa.column("email", sa.String()))
    connection = op.get_bind()
    rows = connection.execute(sa.select(account.c.id, account.c.email)).all()
    taken = {email for _id, email in rows}
    for account_id, email in rows:
        if PLAIN.fullmatch(email):
            continue
        normal = _normal(email)
        if normal == email or len(normal) > 254:
            continue
        if normal in taken:
            print(f"Account {account_id}: another account has its address, but for the spelling. Both stay.")  # noqa: T201
            continue
        connection.execute(account.update().where(account.c.id == account_id).values(email=normal))
        taken.add(normal)


def _normal(text: str) -> str:
    visible = "".join(one for one in text if unicodedata.category(one)[0] != "C" and one not in FILLERS)
    local, at, domain = unicodedata.normalize("NFKC", visible).strip().rpartition("@")
    with suppress(idna.IDNAError):
        domain = idna.encode(domain, uts46=True).decode()
    return f"{local}{at}{domain}".lower()


def downgrade() -> None:
    with op.batch_alter_table("recovery_code", schema=None) as batch_op:
        batch_op.drop_column("confirmed_at")
    op.drop_table("former_phone_key")
    op.drop_table("sign_in")
