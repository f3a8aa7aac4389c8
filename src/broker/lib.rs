//! What is known and decided: vhosts, users, exchanges, bindings and queues.
