#ifndef DEVICE_TREE_H
#define DEVICE_TREE_H

/** /chosen/bootargs of a flattened device tree, ended by a zero; 0 when there is none. */
const char *device_tree_bootargs(const void *tree);

#endif
