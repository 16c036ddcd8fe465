"""What the caption metrics stand on: the PTB tokeniser, and the Java programs that only METEOR and SPICE need."""
