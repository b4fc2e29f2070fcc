#pragma once

// For one program, with starving.cpp: its operator new fails once, at the Nth time from now on that a thread
// calls it which was not spared.

void spare_this_thread();

// Each line of the program's input is an N, and is answered with what was left of the one before: 0 if that
// has come.
void listen_for_failures();
