"""How often the forecast's range holds the truth, and how far off its median is, over simulated licences."""
