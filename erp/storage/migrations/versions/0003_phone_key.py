"""A key for each account, with which its phones lock what they keep."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("phone_key", sa.LargeBinary(length=32), nullable=False, server_default=""))

    account = sa.table("account", sa.column("id", sa.Uuid()), sa.column("phone_key", sa.LargeBinary()))
    connection = op.get_bind()
    for account_id in connection.scalars(sa.select(account.c.id)).all():
        own = account.update().where(account.c.id == account_id)
        connection.execute(own.values(phone_key=secrets.token_bytes(32)))


def downgrade() -> None:
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.drop_column("phone_key")
