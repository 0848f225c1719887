/** What the commands with a console have in common. */
export const CONSOLE_HELP = `
In a terminal every key goes to the guest, Ctrl-C too: Ctrl-A X quits, Ctrl-A A
types Ctrl-A, Ctrl-A H tells so, and time goes as the clock does. With pipes or
files the guest runs as fast as it can, unless --pace is given or a TCP
connection leads outside.

Exit status: 0 the guest switched itself off, was saved, has moved, or was reset
with --no-reboot; 1 it locked up or cannot go on; 2 bad options or files.`;
