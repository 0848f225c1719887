#include "command-line.h"

#include "test.h"

static char command_line[COMMAND_LINE_SIZE];

void read_command_line(void) {
  if (read_text("/proc/cmdline", command_line, sizeof command_line) < 0) fail("/proc/cmdline cannot be read");
}

bool setting(const char *name, char *value) {
  const char *word = command_line;
  while ((word = find(word, name)) && word != command_line && word[-1] != ' ') word++;
  if (!word) return false;
  for (word += length_of(name); *word && *word != ' ' && *word != '\n'; word++) *value++ = *word;
  *value = 0;
  return true;
}

char *cut(char **rest, char separator) {
  char *const word = *rest, *at = word;
  while (*at && *at != separator) at++;
  *rest = *at ? at + 1 : 0;
  *at = 0;
  return word;
}

u64 number_argument(const struct arguments *arguments, u32 index, u64 otherwise, u64 least, u64 most) {
  const char *text = arguments->text[index];
  u64 value;
  if (!*text) return otherwise;
  if (!parse_number(text, 10, &value) || value < least || value > most)
    fail("%s is no number from %u to %u", text, least, most);
  return value;
}
