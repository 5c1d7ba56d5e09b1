"""A key for each account, with which its phones lock what they keep."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("phone_key", sa.LargeBinary(length=32), nullable=False, server_default=""))

    # In one statement, however many there are: 244 random bits each on PostgreSQL, which has no other way built in.
    sqlite = op.get_bind().dialect.name == "sqlite"
    key = "randomblob(32)" if sqlite else "uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())"
    op.execute(f"UPDATE account SET phone_key = {key}")  # noqa: S608 - one of the two above


def downgrade() -> None:
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.drop_column("phone_key")
