/* harden.h - what a program that holds secrets does about itself when it starts. */
#ifndef SKILLSTREAM_BASE_HARDEN_H
#define SKILLSTREAM_BASE_HARDEN_H

/* This process's memory (passwords, keys, ads) gets into no core dump: the limit becomes 0, for what it starts as well,
 * and the process is not dumpable, which holds also where the system pipes core dumps to a program, and keeps other
 * processes of the same user from reading its memory and its environment. Debuggers must attach as root. */
void ss_harden_process(void);

#endif
