// Prints a line and switches the machine off.
        ldr     x1, =0x09000000
        adr     x2, text
1:      ldrb    w3, [x2], #1
        cbz     w3, 2f
        str     w3, [x1]
        b       1b
2:      ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0
        b       .
text:   .asciz  "hello, world\n"
