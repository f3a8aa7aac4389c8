//! Sockets, tasks, timers: drives everything else.
