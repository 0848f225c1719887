/* Entry, vectors, and the probe: a snippet of code that is run to see which exception it takes. */

	.section .text.start, "ax"
	.global start
start:
	/* Header of an arm64 Image (Documentation/arch/arm64/booting.rst): 0x80000 above the start of RAM, little-endian, 4 KiB. */
	b	entry
	.word	0
	.quad	0x80000
	.quad	stack_top - start
	.quad	2
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.word	0
entry:
	msr	daifset, #15
	adrp	x0, stack_top
	add	x0, x0, :lo12:stack_top
	mov	sp, x0
	adrp	x0, bss_start
	add	x0, x0, :lo12:bss_start
	adrp	x1, bss_end
	add	x1, x1, :lo12:bss_end
1:	str	xzr, [x0], #8
	cmp	x0, x1
	b.lo	1b
	adrp	x0, vectors
	add	x0, x0, :lo12:vectors
	msr	vbar_el1, x0
	isb
	bl	main
	movz	w0, #0x8400, lsl #16	/* PSCI SYSTEM_OFF, DEN0022 5.10 */
	movk	w0, #0x0008
	hvc	#0
2:	b	2b

/* void probe(snippet, a, b, c): runs the snippet at EL1 and fills `outcome`. */
	.global probe
probe:
	adrp	x9, context
	add	x9, x9, :lo12:context
	stp	x19, x20, [x9]
	stp	x21, x22, [x9, #16]
	stp	x23, x24, [x9, #32]
	stp	x25, x26, [x9, #48]
	stp	x27, x28, [x9, #64]
	stp	x29, x30, [x9, #80]
	mov	x10, sp
	str	x10, [x9, #96]
	mov	x9, x0
	mov	x0, x1
	mov	x1, x2
	mov	x2, x3
	blr	x9
	msr	spsel, #1
	msr	tpidr_el1, x0
	msr	tpidrro_el0, x1
	mov	x0, #-1
	b	record

/* void probe_return_to(snippet, a, b, c, spsr, sp): the same, entered by ERET with this SPSR and SP_EL0. */
	.global probe_return_to
probe_return_to:
	adrp	x9, context
	add	x9, x9, :lo12:context
	stp	x19, x20, [x9]
	stp	x21, x22, [x9, #16]
	stp	x23, x24, [x9, #32]
	stp	x25, x26, [x9, #48]
	stp	x27, x28, [x9, #64]
	stp	x29, x30, [x9, #80]
	mov	x10, sp
	str	x10, [x9, #96]
	msr	elr_el1, x0
	msr	spsr_el1, x4
	msr	sp_el0, x5
	mov	x0, x1
	mov	x1, x2
	mov	x2, x3
	adr	x30, finished
	eret

	.balign	64
finished:
	svc	#0xf1

	.macro	vector number
	.balign	128
	msr	tpidr_el1, x0
	mov	x0, #\number
	b	exception
	.endm

	.balign	2048
vectors:
	vector	0
	vector	1
	vector	2
	vector	3
	vector	4
	vector	5
	vector	6
	vector	7
	vector	8
	vector	9
	vector	10
	vector	11
	vector	12
	vector	13
	vector	14
	vector	15

/* SVC #0xff returns at once with every register as it was; any other exception ends the probe. */
exception:
	msr	tpidrro_el0, x1
	mrs	x1, esr_el1
	eor	x1, x1, #0x40000000	/* EC 0x15 and IL: SVC from AArch64 */
	eor	x1, x1, #0x10000000
	eor	x1, x1, #0x06000000
	eor	x1, x1, #0xff
	cbz	x1, resume
record:
	adrp	x1, outcome
	add	x1, x1, :lo12:outcome
	str	x0, [x1]
	mrs	x0, esr_el1
	str	x0, [x1, #8]
	mrs	x0, far_el1
	str	x0, [x1, #16]
	mrs	x0, elr_el1
	str	x0, [x1, #24]
	mrs	x0, spsr_el1
	str	x0, [x1, #32]
	mrs	x0, tpidr_el1
	str	x0, [x1, #40]
	mrs	x0, tpidrro_el0
	str	x0, [x1, #48]
	stp	x2, x3, [x1, #56]
	adrp	x9, context
	add	x9, x9, :lo12:context
	ldp	x19, x20, [x9]
	ldp	x21, x22, [x9, #16]
	ldp	x23, x24, [x9, #32]
	ldp	x25, x26, [x9, #48]
	ldp	x27, x28, [x9, #64]
	ldp	x29, x30, [x9, #80]
	ldr	x10, [x9, #96]
	mov	sp, x10
	msr	daifset, #15
	ret
resume:
	mrs	x0, tpidr_el1
	mrs	x1, tpidrro_el0
	eret

	.bss
	.balign	16
context:
	.skip	112
