/** A byte of the LPI configuration table (IHI 0069H, 5.1.1). */
export const LPI_ENABLE = 1;
export const LPI_PRIORITY_MASK = 0xfc;
