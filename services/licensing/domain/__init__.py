"""What licensing decides, without any input or output: values in, values out."""
