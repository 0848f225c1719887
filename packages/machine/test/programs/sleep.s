// Waits for an interrupt that never comes.
1:      wfi
        b       1b
