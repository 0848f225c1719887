/* The kernel's command line, and the arguments in it. */
#ifndef COMMAND_LINE_H
#define COMMAND_LINE_H

#include <stdbool.h>

#define COMMAND_LINE_SIZE 2048

void read_command_line(void);
/** Copies what follows `name` up to a space to `value`, of COMMAND_LINE_SIZE; false when the command line has no such word. */
bool setting(const char *name, char *value);
/** Cuts a word off: answers the text up to the separator, ended there; `rest` is then what follows, null at the end. */
char *cut(char **rest, char separator);

#endif
