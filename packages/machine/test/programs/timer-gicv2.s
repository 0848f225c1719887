// Takes 5 virtual timer interrupts, 1 ms apart, on a GICv2, sleeping in between; prints a dot for each, then ends.
        adr     x0, vectors
        msr     vbar_el1, x0
        ldr     x5, =0x09000000
        ldr     x6, =0x08000000
        ldr     x4, =0x08010000
        mov     w0, #1
        str     w0, [x6]                // GICD_CTLR
        ldr     w0, =1<<27
        str     w0, [x6, #0x100]        // GICD_ISENABLER0
        mov     w0, #0xff
        str     w0, [x4, #4]            // GICC_PMR
        mov     w0, #1
        str     w0, [x4]                // GICC_CTLR
        mov     w8, #5
        ldr     w7, =62500
        msr     cntv_tval_el0, x7
        mov     w0, #1
        msr     cntv_ctl_el0, x0
        msr     daifclr, #2
1:      wfi
        b       1b
        .balign 2048
vectors:
        .skip   0x280
        ldr     w10, [x4, #0xc]         // GICC_IAR
        cmp     w10, #27
        b.ne    3f
        mov     w2, #'.'
        str     w2, [x5]
        msr     cntv_tval_el0, x7
        str     w10, [x4, #0x10]        // GICC_EOIR
        subs    w8, w8, #1
        b.eq    2f
        eret
2:      ldr     w0, =0x84000008
        hvc     #0
        b       .
3:      mov     w2, #'!'
        str     w2, [x5]
        b       2b
