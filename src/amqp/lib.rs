//! The wire: bytes ⇄ frames, methods, properties, field tables and reply codes.
