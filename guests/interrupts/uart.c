/*
 * The UART's transmit interrupt: an SPI that a device drives, level-sensitive, and sent by GICD_IROUTER from vCPU to
 * vCPU as a baton: the handler of step i lets the line fall, routes the interrupt to the next vCPU and raises it again.
 */
#include "uart.h"

#include "console.h"
#include "gic.h"

static struct {
  const char *text; /* transmitted a character at a step, or 0: steps by UARTIMSC alone */
  u32 steps, step;
  u32 again; /* this step was ended once with the line high */
} baton;

void uart_start(struct vcpu *v, const char *text, u32 steps) {
  gic_disable(v, SPI_UART);
  console_unmask_transmit(false);
  /* Without a text the line follows the mask alone: what was printed before has raised TXRIS, and nothing clears it. */
  if (text) console_clear_transmit();
  spin_until(v, console_transmit_raised() == !text, "UARTRIS.TXRIS", SPI_UART);
  baton.text = text;
  baton.steps = steps;
  baton.again = 0;
  shared_write(baton.step, 0);
  gic_route(SPI_UART, 0);
  gic_enable(v, SPI_UART);
  shared_count(v->sent[UART_SPI]);
  console_unmask_transmit(true);
  if (text) console_write(text[0]);
}

bool uart_done(void) { return shared_read(baton.step) == baton.steps; }

/* Ends the interrupt of a step with its line low, and raises it for the next vCPU: before the end, so that it is
 * active and pending on its way, or after it. */
static void pass_on(struct vcpu *v, u32 step) {
  const bool before_end = step % 2;
  const u32 next = (v->id + 1) % vcpu_count;
  if (baton.text) console_clear_transmit();
  else console_unmask_transmit(false);
  expect(v, "UARTMIS.TXMIS of a line that has fallen", SPI_UART, 0, console_transmit_asserted());
  expect(v, "pending state of a line that has fallen", SPI_UART, 0, gic_pending(v, SPI_UART));
  baton.again = 0;
  if (step + 1 == baton.steps) {
    console_unmask_transmit(false);
    gic_end(v, SPI_UART);
    shared_write(baton.step, step + 1);
    return;
  }
  gic_route(SPI_UART, next);
  if (!before_end) gic_end(v, SPI_UART);
  shared_count(v->sent[UART_SPI]);
  shared_write(baton.step, step + 1);
  if (baton.text) console_write(baton.text[step + 1]);
  else console_unmask_transmit(true);
  if (before_end) gic_end(v, SPI_UART);
}

void uart_interrupt(struct vcpu *v, u32 intid) {
  const u32 step = shared_read(baton.step);
  if (intid != SPI_UART || shared_read(spi_target[SPI_UART]) != v->id || step >= baton.steps) {
    unexpected_interrupt(v, intid);
    return;
  }
  shared_count(v->taken[UART_SPI]);
  expect(v, "UARTMIS.TXMIS in the handler", intid, 1, console_transmit_asserted());
  expect(v, "active state of the UART's SPI in its handler", intid, 1, gic_active(v, intid));
  expect(v, "pending state of a line that is high", intid, 1, gic_pending(v, intid));
  /* Every fifth comes twice: ended while the line is high, it is pending again. */
  if (step % 5 == 4 && !baton.again) {
    baton.again = 1;
    shared_count(v->sent[UART_SPI]);
    gic_end(v, intid);
    return;
  }
  pass_on(v, step);
}

static void run(struct vcpu *v, const char *text, u32 steps) {
  /* All but the boot vCPU sleep at the barrier meanwhile, as a vCPU in need of an interrupt does. */
  if (v->id == 0) {
    uart_start(v, text, steps);
    spin_until(v, uart_done(), "a UART interrupt was not taken", SPI_UART);
    console_unmask_transmit(false);
  }
  barrier(v, 0);
}

void phase_uart(struct vcpu *v) {
  static const char text[] = "each of these characters by an interrupt, from vCPU to vCPU\r\n";
  run(v, text, sizeof text - 1);
  if (v->id == 0) print("SPI: the UART, by its mask\n");
  run(v, 0, rounds * 16);
}
