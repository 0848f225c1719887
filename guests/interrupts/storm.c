/*
 * Everything on all vCPUs at once: SGIs and SPIs to vCPUs drawn by lot, a timer and a software PPI on each, the UART's
 * baton; handlers linger with interrupts on, so that they nest. How many of each is drawn by lot, but always the same.
 */
#include "storm.h"

#include "gic.h"
#include "timer.h"
#include "uart.h"

#define WANDERERS 4 /* SPIs n of a vCPU that it sends to any; SPI n + 4 comes back from there */

static u32 counter;
static u32 added[MAX_VCPUS];

/* A plain loop on an exclusive pair: a save between the two halves must not let the store succeed wrongly. */
static void add_one(void) {
  u32 value, failed;
  do {
    __asm__ volatile(
        "ldaxr %w0, [%2]\n\tadd %w0, %w0, #1\n\tstlxr %w1, %w0, [%2]"
        : "=&r"(value), "=&r"(failed)
        : "r"(&counter)
        : "memory");
  } while (failed);
}

static void linger(u32 iterations) {
  irq_on();
  for (u32 i = 0; i < iterations; i++) __asm__ volatile("nop");
  irq_off();
}

static bool on_spi(struct vcpu *v, u32 intid) {
  linger(60);
  gic_end(v, intid);
  if (intid % SPI_PER_VCPU < WANDERERS) spi_send(v, intid + WANDERERS);
  return true;
}

void storm_interrupt(struct vcpu *v, u32 intid) {
  switch (intid) {
    case PPI_VIRTUAL_TIMER:
      shared_count(v->taken[VIRTUAL_TIMER]);
      if (--v->ticks) {
        shared_count(v->sent[VIRTUAL_TIMER]);
        timer_start(intid, 5000 + v->ticks % 7 * 3000);
      } else {
        timer_stop(intid);
      }
      linger(40);
      gic_end(v, intid);
      break;
    case PPI_SOFTWARE: software_ppi_interrupt(v, intid); break;
    case SPI_UART: uart_interrupt(v, intid); break;
    default: spi_interrupt(v, intid);
  }
}

void storm_prepare(struct vcpu *v) {
  for (u32 n = 0; n < 8; n++) {
    gic_set_priority(v, SGI_REQUEST + n, 0x40);
    gic_set_priority(v, SGI_REPLY + n, 0x30);
  }
  gic_set_priority(v, PPI_SOFTWARE, 0x70);
  gic_set_priority(v, PPI_VIRTUAL_TIMER, 0x80);
  gic_set_priority(v, PPI_PHYSICAL_TIMER, 0x00);
  for (u32 n = 0; n < SPI_PER_VCPU; n++) {
    const u32 spi = SPI_SOFTWARE + v->id * SPI_PER_VCPU + n;
    gic_set_priority(v, spi, n < WANDERERS ? 0xa0 + 8 * n : 0x90);
    gic_route(spi, v->id);
    gic_enable(v, spi);
  }
  if (v->id == 0) gic_set_priority(v, SPI_UART, 0xd0);
  v->on_spi = on_spi;
}

static bool returned(struct vcpu *v, u32 wanderer, u32 before) {
  return shared_read(v->spi_taken[wanderer + WANDERERS - SPI_FIRST]) - before == v->spi_sent[wanderer - SPI_FIRST];
}

static void wait_returned(struct vcpu *v, u32 wanderer, u32 before) {
  sleep_until(v, returned(v, wanderer, before), "an SPI did not come back", wanderer + WANDERERS);
}

void phase_storm(struct vcpu *v) {
  const u32 first = SPI_SOFTWARE + v->id * SPI_PER_VCPU;
  const u32 steps = rounds * 24;
  u32 before[WANDERERS];
  for (u32 n = 0; n < WANDERERS; n++)
    before[n] = v->spi_taken[first + n + WANDERERS - SPI_FIRST] - v->spi_sent[first + n - SPI_FIRST];
  if (v->id == 0) uart_start(v, 0, rounds * 8 * vcpu_count);
  shared_write(v->ticks, rounds * 4);
  shared_count(v->sent[VIRTUAL_TIMER]);
  timer_start(PPI_VIRTUAL_TIMER, 10000);

  for (u32 step = 0; step < steps && !shared_read(aborted); step++) {
    const u32 lot = random_below(v, 8);
    if (lot < 4) {
      const u32 target = random_below(v, vcpu_count);
      sgi_wait_reply(v, target);
      sgi_request(v, target, true);
    } else if (lot < 7) {
      const u32 n = random_below(v, WANDERERS);
      wait_returned(v, first + n, before[n]);
      gic_route(first + n, random_below(v, vcpu_count));
      spi_send(v, first + n);
    } else {
      shared_count(v->sent[SOFTWARE_PPI]);
      gic_set_pending(v, PPI_SOFTWARE);
      spin_until(v, shared_read(v->taken[SOFTWARE_PPI]) == v->sent[SOFTWARE_PPI], "a PPI was not taken", PPI_SOFTWARE);
    }
    add_one();
    added[v->id]++;
  }
  for (u32 n = 0; n < WANDERERS; n++) wait_returned(v, first + n, before[n]);
  for (u32 i = 0; i < vcpu_count; i++) sgi_wait_reply(v, i);
  sleep_until(v, shared_read(v->ticks) == 0, "a timer interrupt was not taken", PPI_VIRTUAL_TIMER);
  if (v->id == 0) spin_until(v, uart_done(), "a UART interrupt was not taken", SPI_UART);
}

void storm_check(struct vcpu *v) {
  u32 total = 0;
  for (u32 i = 0; i < vcpu_count; i++) total += added[i];
  expect(v, "the counter that all add to by exclusives", 0, total, counter);
}
