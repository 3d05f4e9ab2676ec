"""The automation's tasks; thin, since each calls one service."""
