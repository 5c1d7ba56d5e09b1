"""Names as long as what encrypts them; those that are there stay as they are until they are written again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels = None
depends_on = None

NAMES = {"account": "display_name", "device": "name"}


def upgrade() -> None:
    for table, column in NAMES.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column(column, type_=sa.Text(), existing_type=sa.String(length=80), existing_nullable=False)


def downgrade() -> None:
    for table, column in NAMES.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column(column, type_=sa.String(length=80), existing_type=sa.Text(), existing_nullable=False)
