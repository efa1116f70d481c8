"""The only SQL: schema, migrations, triggers, and functions that read and write one project."""
