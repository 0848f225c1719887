/* What the guest sees, as a hash that goes on from operation to operation, and as text of those that are asked for. */
#ifndef TRACE_H
#define TRACE_H

#include "registers.h"

enum trace_kind { TRACE_READ, TRACE_WRITE, TRACE_READ_BYTE, TRACE_WRITE_BYTE };

/** Operations to tell in words: from, and up to but not with; and how often to tell the hash. */
extern u32 text_from, text_to, hash_every;

void trace_begin(u32 operation, u32 vcpu);
void trace_access(enum register_name name, u32 index, u32 owner, enum trace_kind kind, u64 value);
void trace_end(void);
/**
 * Text is kept until the end: to write it sets the UART's interrupt, whose line must depend on the operations alone.
 */
void trace_print(void);

#endif
