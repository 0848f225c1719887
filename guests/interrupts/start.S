// Entry of the boot vCPU and of the others, a flat translation, and the exception vectors.

#define STACK_SHIFT 14  // 16 KiB for each vCPU

        .section .text.header, "ax"
        .global _start
_start: b       start                   // arm64 Image header: 64 bytes
        .word   0
        .quad   0                       // text_offset: any 2 MiB boundary
        .quad   _memory_end - _start    // image_size, with what is not in the file
        .quad   0xa                     // flags: little-endian, 4 KiB pages, anywhere in memory
        .quad   0, 0, 0
        .ascii  "ARM\x64"
        .word   0

        .text
// Boot vCPU: x0 = device tree.
start:  mov     x20, x0
        mov     x21, #0
        bl      translation_on
        adrp    x1, _bss_start
        add     x1, x1, :lo12:_bss_start
        adrp    x2, _bss_end
        add     x2, x2, :lo12:_bss_end
1:      cmp     x1, x2
        b.hs    2f
        stp     xzr, xzr, [x1], #16
        b       1b
2:      bl      own_stack
        mov     x0, x20
        bl      boot
3:      wfi
        b       3b

// Every other vCPU: x0 = its number, the context of PSCI CPU_ON.
        .global secondary_start
secondary_start:
        mov     x21, x0
        bl      translation_on
        bl      own_stack
        mov     x0, x21
        bl      secondary
4:      wfi
        b       4b

own_stack:
        msr     spsel, #1
        adrp    x1, _stacks
        add     x2, x21, #1
        add     x1, x1, x2, lsl #STACK_SHIFT
        mov     sp, x1
        ret

// Flat map of 4 GiB: the first is devices, the rest normal memory, so that exclusives and caches work as the
// architecture promises (with the MMU off every access is Device-nGnRnE: Arm ARM D8.2.12).
translation_on:
        adr     x1, vectors
        msr     vbar_el1, x1
        adrp    x1, translation
        add     x1, x1, :lo12:translation
        msr     ttbr0_el1, x1
        ldr     x1, =0xff04             // MAIR: attribute 0 Device-nGnRE, 1 normal write-back
        msr     mair_el1, x1
        ldr     x1, =0x803520           // TCR: T0SZ 32, inner shareable, write-back walks, 4 KiB, EPD1
        msr     tcr_el1, x1
        dsb     sy
        tlbi    vmalle1
        ic      iallu
        dsb     sy
        isb
        ldr     x1, =0x30d01805         // SCTLR: RES1 bits, M, C, I
        msr     sctlr_el1, x1
        isb
        ret
        .ltorg

        .section .data.translation, "aw"
        .balign 4096
translation:                            // level 1 blocks: address, AF, (SH), AttrIndx, block
        .quad   0x0060000000000401      // devices, never executed
        .quad   0x0000000040000705
        .quad   0x0000000080000705
        .quad   0x00000000c0000705

// The registers that a C function may change; x19-x28 it keeps itself.
        .macro  save_context
        sub     sp, sp, #192
        stp     x0, x1, [sp, #0]
        stp     x2, x3, [sp, #16]
        stp     x4, x5, [sp, #32]
        stp     x6, x7, [sp, #48]
        stp     x8, x9, [sp, #64]
        stp     x10, x11, [sp, #80]
        stp     x12, x13, [sp, #96]
        stp     x14, x15, [sp, #112]
        stp     x16, x17, [sp, #128]
        stp     x18, x29, [sp, #144]
        mrs     x0, elr_el1
        mrs     x1, spsr_el1
        stp     x30, x0, [sp, #160]
        str     x1, [sp, #176]
        .endm

        .macro  restore_context
        ldr     x1, [sp, #176]
        ldp     x30, x0, [sp, #160]
        msr     spsr_el1, x1
        msr     elr_el1, x0
        ldp     x18, x29, [sp, #144]
        ldp     x16, x17, [sp, #128]
        ldp     x14, x15, [sp, #112]
        ldp     x12, x13, [sp, #96]
        ldp     x10, x11, [sp, #80]
        ldp     x8, x9, [sp, #64]
        ldp     x6, x7, [sp, #48]
        ldp     x4, x5, [sp, #32]
        ldp     x2, x3, [sp, #16]
        ldp     x0, x1, [sp, #0]
        add     sp, sp, #192
        .endm

        .macro  vector target
        .balign 128
        b       \target
        .endm

        .section .text.vectors, "ax"
        .balign 2048
vectors:
        .rept   4                       // current EL with SP_EL0: never used
        vector  other
        .endr
        vector  other                   // current EL with SP_EL1: synchronous
        vector  irq
        vector  fiq
        vector  other                   // SError
        .rept   8                       // lower ELs: never entered
        vector  other
        .endr

irq:    save_context
        bl      irq_taken
        restore_context
        eret
fiq:    save_context
        bl      fiq_taken
        restore_context
        eret
other:  mrs     x0, esr_el1
        mrs     x1, elr_el1
        mrs     x2, far_el1
        bl      exception_taken
5:      wfi
        b       5b
