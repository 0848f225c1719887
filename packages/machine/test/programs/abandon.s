// Switches its only CPU off.
        ldr     w0, =0x84000002         // CPU_OFF
        hvc     #0
        b       .
