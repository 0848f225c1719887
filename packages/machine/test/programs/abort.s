// Touches addresses where nothing is; prints the exception class of each abort, one letter from 'A' on, and goes on.
        adr     x0, vectors
        msr     vbar_el1, x0
        isb
        ldr     x5, =0x09000000
        ldr     x1, =0x0a000000         // reserved for virtio
        ldr     w0, [x1]
        str     w0, [x1]
        ldr     x1, =0x08020000         // reserved for GICv2m
        ldr     x0, [x1]
        ldr     x1, =0x100000000000     // beyond everything
        ldrb    w0, [x1]
        mrs     x0, S3_3_c15_c12_0      // no such system register
        smc     #0                      // nobody is there: NOT_SUPPORTED
        cmn     x0, #1
        b.ne    1f
        mov     w2, #'s'
        str     w2, [x5]
1:      ldr     w0, =0x84000008
        hvc     #0
        b       .
        .balign 2048
vectors:
        .skip   0x200                   // current EL, SP_ELx, synchronous
        mrs     x2, esr_el1
        lsr     x2, x2, #26
        add     x2, x2, #'A'
        str     w2, [x5]
        mrs     x2, elr_el1
        add     x2, x2, #4
        msr     elr_el1, x2
        eret
