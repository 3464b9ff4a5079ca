"""The codec of Gemini's generateContent, as the Gemini API (v1beta) and Vertex AI (v1, v1beta1) speak it."""
