// Takes 5 virtual timer interrupts, 1 ms apart, on a GICv3, sleeping in between; prints a dot for each, then ends.
        adr     x0, vectors
        msr     vbar_el1, x0
        ldr     x5, =0x09000000
        ldr     x6, =0x08000000
        mov     w0, #0x12
        str     w0, [x6]
        ldr     x6, =0x080b0000         // SGI_base of redistributor 0
        ldr     w0, =1<<27
        str     w0, [x6, #0x80]         // IGROUPR0
        str     w0, [x6, #0x100]        // ISENABLER0
        mov     w0, #7
        msr     S3_0_c12_c12_5, x0
        isb
        mov     w0, #0xff
        msr     S3_0_c4_c6_0, x0
        mov     w0, #1
        msr     S3_0_c12_c12_7, x0
        mov     w8, #5
        ldr     w7, =62500              // 1 ms at 62.5 MHz
        msr     cntv_tval_el0, x7
        mov     w0, #1
        msr     cntv_ctl_el0, x0
        msr     daifclr, #2
1:      wfi
        b       1b
        .balign 2048
vectors:
        .skip   0x280
        mrs     x10, S3_0_c12_c12_0
        mov     w2, #'.'
        str     w2, [x5]
        msr     cntv_tval_el0, x7
        msr     S3_0_c12_c12_1, x10
        subs    w8, w8, #1
        b.eq    2f
        eret
2:      ldr     w0, =0x84000008
        hvc     #0
        b       .
