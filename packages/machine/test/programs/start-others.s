// Starts the other vCPUs by PSCI, each printing its digit; the last one to come switches the machine off.
// X0, the device tree, is kept in X20; CPU_ON's results of repeated calls are printed as letters from 'a' (SUCCESS) on.
        ldr     x5, =0x09000000
        mov     w21, #1
1:      ldr     x0, =0xc4000003         // CPU_ON
        mov     x1, x21
        adr     x2, other
        mov     x3, x21
        hvc     #0
        cmn     x0, #2                  // INVALID_PARAMETERS: there is no such vCPU
        b.eq    2f
        ldr     x0, =0xc4000003         // once more: ON_PENDING
        mov     x1, x21
        adr     x2, other
        hvc     #0
        neg     w2, w0
        add     w2, w2, #'a'
        str     w2, [x5]
        add     w21, w21, #1
        b       1b
2:      sub     w21, w21, #1
        adr     x6, count
3:      ldr     w0, [x6]
        cmp     w0, w21
        b.eq    4f
        yield
        b       3b
4:      ldr     w0, =0x84000008
        hvc     #0
        b       .
other:  ldr     x5, =0x09000000
        add     w2, w0, #'0'
        mrs     x3, mpidr_el1
        and     x3, x3, #0xff
        cmp     x3, x0
        b.eq    5f
        mov     w2, #'?'
5:      str     w2, [x5]
        adr     x6, count
6:      ldxr    w0, [x6]
        add     w0, w0, #1
        stxr    w1, w0, [x6]
        cbnz    w1, 6b
        ldr     w0, =0x84000002         // CPU_OFF
        hvc     #0
        b       .
        .balign 8
count:  .word   0
