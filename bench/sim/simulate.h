/* `sluice-bench simulate`: the simulation (sim.h) from the command line. */
#ifndef BENCH_SIM_SIMULATE_H
#define BENCH_SIM_SIMULATE_H

int simulate_main(int argc, char **argv);

#endif
