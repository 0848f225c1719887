// Echoes its console by the UART's receive interrupts on a GICv3, in capitals; 'q' switches the machine off.
        adr     x0, vectors
        msr     vbar_el1, x0
        ldr     x5, =0x09000000
        ldr     x6, =0x08000000
        mov     w0, #0x12               // EnableGrp1, ARE
        str     w0, [x6]
        mov     w0, #2                  // INTID 33
        str     w0, [x6, #0x84]         // IGROUPR1
        str     w0, [x6, #0x104]        // ISENABLER1
        str     wzr, [x6, #0xc08]       // ICFGR2: level-sensitive
        str     xzr, [x6, #0x6108]      // IROUTER33
        mov     w0, #7
        msr     S3_0_c12_c12_5, x0      // ICC_SRE_EL1
        isb
        mov     w0, #0xff
        msr     S3_0_c4_c6_0, x0        // ICC_PMR_EL1
        mov     w0, #1
        msr     S3_0_c12_c12_7, x0      // ICC_IGRPEN1_EL1
        mov     w0, #0x70               // FIFOs on
        str     w0, [x5, #0x2c]
        mov     w0, #0x50               // RXIM, RTIM
        str     w0, [x5, #0x38]
        msr     daifclr, #2
        mov     w11, #0x20
        mov     w2, #'>'
        str     w2, [x5]
1:      wfi
        b       1b
        .balign 2048
vectors:
        .skip   0x280                   // current EL, SP_ELx, IRQ
        mrs     x10, S3_0_c12_c12_0     // ICC_IAR1_EL1
2:      ldr     w2, [x5, #0x18]
        tbnz    w2, #4, 3f
        ldr     w2, [x5]
        cmp     w2, #'q'
        b.eq    4f
        bic     w2, w2, w11
        str     w2, [x5]
        b       2b
3:      msr     S3_0_c12_c12_1, x10     // ICC_EOIR1_EL1
        eret
4:      ldr     w0, =0x84000008
        hvc     #0
        b       .
