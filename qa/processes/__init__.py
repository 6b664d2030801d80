"""Work done in other processes: a bounded one of this machine, or those of a cluster."""
