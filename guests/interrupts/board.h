/* Where things are on QEMU's virt board, and which INTID each part of the guest uses. */
#ifndef BOARD_H
#define BOARD_H

#define MAX_VCPUS 8

#define DISTRIBUTOR 0x08000000ul
#define REDISTRIBUTORS 0x080a0000ul
#define UART 0x09000000ul

#define PPI_SOFTWARE 20 /* no device drives it on this board */
#define PPI_VIRTUAL_TIMER 27
#define PPI_PHYSICAL_TIMER 30
#define SPI_UART 33

/* SPIs 152 to 223: no device drives them on this board. */
#define SPI_FIRST 184 /* of all that the guest uses by software */
#define SPI_GROUP0 184 /* one for each vCPU, taken as FIQ */
#define SPI_SOFTWARE 192 /* 64 of them; eight belong to each vCPU */
#define SPI_PER_VCPU 8
#define SPI_END 256
#define SPI_COUNT (SPI_END - SPI_FIRST)
#define is_software_spi(intid) ((intid) >= SPI_FIRST && (intid) < SPI_END)

/* Of the eight SPIs of a vCPU, the last is configured level-sensitive; nothing drives its line, so that only the
 * latch of GICD_ISPENDR can make it pending. */
#define SPI_LEVEL 7

/* SGI n, n < 8: a request of vCPU n. SGI 8 + n: a reply of vCPU n. One INTID for each sender, because a GICv3 merges
 * SGIs with the same INTID for the same target. */
#define SGI_REQUEST 0
#define SGI_REPLY 8

#endif
