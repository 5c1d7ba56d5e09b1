"""Supporters, cheers, and the server's outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "device",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("subscription", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("worked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_device_account_id_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("digest", name=op.f("uq_device_digest")),
    )
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_device_account_id"), ["account_id"], unique=False)

    op.create_table(
        "invitation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["accepted_by"], ["account.id"], name=op.f("fk_invitation_accepted_by_account"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["client_id"], ["account.id"], name=op.f("fk_invitation_client_id_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("digest", name=op.f("uq_invitation_digest")),
    )
    with op.batch_alter_table("invitation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invitation_client_id"), ["client_id"], unique=False)

    op.create_table(
        "support",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("supporter_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("shares_titles", sa.Boolean(), nullable=False),
        sa.Column("shares_suds", sa.Boolean(), nullable=False),
        sa.Column("shares_notes", sa.Boolean(), nullable=False),
        sa.Column("contact", sa.String(length=8), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("wanted", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["account.id"], name=op.f("fk_support_client_id_account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["supporter_id"], ["account.id"], name=op.f("fk_support_supporter_id_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_support")),
        sa.UniqueConstraint("client_id", "supporter_id", name=op.f("uq_support_client_id_supporter_id")),
    )
    with op.batch_alter_table("support", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_support_supporter_id"), ["supporter_id"], unique=False)

    op.create_table(
        "cheer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("supporter_id", sa.Uuid(), nullable=False),
        sa.Column("exposure_id", sa.Uuid(), nullable=True),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("hearted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["account.id"], name=op.f("fk_cheer_client_id_account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["exposure_id"], ["exposure.id"], name=op.f("fk_cheer_exposure_id_exposure"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["supporter_id"], ["account.id"], name=op.f("fk_cheer_supporter_id_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cheer")),
    )
    with op.batch_alter_table("cheer", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_cheer_client_id_cheer_local_date"), ["client_id", "local_date"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_cheer_exposure_id"), ["exposure_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_cheer_supporter_id_cheer_client_id_cheer_sent_at"),
            ["supporter_id", "client_id", "sent_at"],
            unique=False,
        )

    op.create_table(
        "notification",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("support_id", sa.Uuid(), nullable=True),
        sa.Column("exposure_id", sa.Uuid(), nullable=True),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("given_up", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_notification_account_id_account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["device_id"], ["device.id"], name=op.f("fk_notification_device_id_device"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["exposure_id"], ["exposure.id"], name=op.f("fk_notification_exposure_id_exposure"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["support_id"], ["support.id"], name=op.f("fk_notification_support_id_support"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
    )
    with op.batch_alter_table("notification", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notification_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_notification_device_id"), ["device_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_notification_exposure_id"), ["exposure_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_notification_settled_at_notification_due_at"), ["settled_at", "due_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_notification_support_id"), ["support_id"], unique=False)

    op.create_table(
        "delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"], ["device.id"], name=op.f("fk_delivery_device_id_device"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notification.id"],
            name=op.f("fk_delivery_notification_id_notification"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delivery_device_id"), ["device_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_delivery_notification_id"), ["notification_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_delivery_state_delivery_next_at"), ["state", "next_at"], unique=False)

    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("discreet", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("quiet_from", sa.SmallInteger(), nullable=False, server_default="1260"))
        batch_op.add_column(sa.Column("quiet_until", sa.SmallInteger(), nullable=False, server_default="480"))

    with op.batch_alter_table("exposure", schema=None) as batch_op:
        batch_op.add_column(sa.Column("away_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("exposure", schema=None) as batch_op:
        batch_op.drop_column("away_since")

    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.drop_column("quiet_until")
        batch_op.drop_column("quiet_from")
        batch_op.drop_column("discreet")

    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_delivery_state_delivery_next_at"))
        batch_op.drop_index(batch_op.f("ix_delivery_notification_id"))
        batch_op.drop_index(batch_op.f("ix_delivery_device_id"))

    op.drop_table("delivery")
    with op.batch_alter_table("notification", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notification_support_id"))
        batch_op.drop_index(batch_op.f("ix_notification_settled_at_notification_due_at"))
        batch_op.drop_index(batch_op.f("ix_notification_exposure_id"))
        batch_op.drop_index(batch_op.f("ix_notification_device_id"))
        batch_op.drop_index(batch_op.f("ix_notification_account_id"))

    op.drop_table("notification")
    with op.batch_alter_table("cheer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cheer_supporter_id_cheer_client_id_cheer_sent_at"))
        batch_op.drop_index(batch_op.f("ix_cheer_exposure_id"))
        batch_op.drop_index(batch_op.f("ix_cheer_client_id_cheer_local_date"))

    op.drop_table("cheer")
    with op.batch_alter_table("support", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_support_supporter_id"))

    op.drop_table("support")
    with op.batch_alter_table("invitation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invitation_client_id"))

    op.drop_table("invitation")
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_device_account_id"))

    op.drop_table("device")
