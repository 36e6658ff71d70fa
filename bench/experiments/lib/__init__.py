"""What the experiments share: the daemon under test, where threads run, the load, the plots."""
