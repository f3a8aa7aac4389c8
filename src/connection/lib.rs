//! One client: handshake, channels, content, prefetch, unacked, confirms and tx.
