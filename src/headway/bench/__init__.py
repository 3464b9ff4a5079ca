"""What Headway costs, measured on this machine.

End to end: a mock upstream, a load generator and what stands between them run as processes of their own on loopback, in
shuffled rounds (`rounds`). The figures belong to the machine they were taken on; the ratios to nginx in the same round
travel further.
"""
