"""The tables of the queue's database; what is whole (a request, a result, an error) is kept as JSON text."""

from sqlalchemy import Boolean, Column, Float, Integer, MetaData, String, Table, Text

QUEUE_SCHEMA = 1

metadata = MetaData()

queue_table = Table(
    "queue",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("schema_version", Integer, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("needs_answer", Boolean, nullable=False),
    Column("after_crash", String(16), nullable=False),
    Column("pause_reason", Text),
)

jobs_table = Table(
    "jobs",
    metadata,
    Column("job_id", String(32), primary_key=True),
    Column("request_id", String, nullable=False, unique=True),
    Column("request", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("attempt_limit", Integer, nullable=False),
    Column("kills", Integer, nullable=False),
    Column("frames_reached", Integer, nullable=False),
    Column("frames_before", Integer, nullable=False),
    Column("share_reached", Float),
    Column("share_before", Float),
    Column("memory_ends", Integer),
    Column("memory_ran_out", Boolean),
    Column("held_by_queue", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("cleared_at", Float),
    Column("error", Text),
    Column("result", Text),
)
